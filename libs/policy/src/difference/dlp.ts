import type { DlpAction, DlpRule } from "../ir.ts";
import type { ChangeKind } from "./change.ts";
import type { Tell } from "./report.ts";

/** A mask shows part of a value and a hash shows equality, so a full redaction is stronger than both. */
const strength: Readonly<Record<DlpAction, number>> = { mask: 1, hash: 2, redact: 3, deny: 4 };

interface Strongest {
  readonly action: DlpAction;
  readonly rule: string;
}

/**
 * What changed about what is done with what is found. Of several rules about one detector and one place the strongest acts, so that is
 * what is compared, and how rules are grouped does not matter.
 */
export function tellDlp(before: readonly DlpRule[], after: readonly DlpRule[], kind: ChangeKind, tell: Tell): void {
  const [was, is] = [strongest(before), strongest(after)];
  const groups = new Map<string, { detectors: string[]; place: string; from: Strongest | undefined; to: Strongest | undefined }>();
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(key), is.get(key)];
    if (from?.action === to?.action) continue;
    const [detector = "", place = ""] = key.split("\n");
    const group = `${place}\n${from?.action}\n${to?.action}\n${from?.rule}\n${to?.rule}`;
    const known = groups.get(group) ?? { detectors: [], place, from, to };
    known.detectors.push(detector);
    groups.set(group, known);
  }
  for (const { detectors, place, from, to } of groups.values()) {
    tell({
      kind,
      direction: (to === undefined ? 0 : strength[to.action]) > (from === undefined ? 0 : strength[from.action]) ? "tightens" : "loosens",
      ...(place === "*" ? {} : { pointer: place }),
      what: `${kind === "results" ? "results: " : ""}${detectors.sort().join(", ")}${place === "*" ? "" : ` in ${place}`}`,
      before: from?.action,
      after: to?.action,
      rules: { before: from ? [from.rule] : [], after: to ? [to.rule] : [] },
    });
  }
}

function strongest(rules: readonly DlpRule[]): Map<string, Strongest> {
  const found = new Map<string, Strongest>();
  for (const { detect, in: places = ["*"], action, rule } of rules) {
    for (const detector of detect) {
      for (const place of places) {
        const key = `${detector}\n${place}`;
        const known = found.get(key);
        if (known === undefined || strength[action] > strength[known.action]) found.set(key, { action, rule });
      }
    }
  }
  return found;
}
