import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import type { PolicySet } from "../ir.ts";
import { compile, type PolicyFile } from "../language/compile.ts";
import type { Fault } from "../language/fault.ts";
import { readDocuments, type SourceDocument } from "../language/source.ts";

/** What promoting policies makes of a set, or why it cannot be done. */
export type Promotion =
  | { readonly ok: true; readonly files: readonly PolicyFile[]; readonly before: PolicySet; readonly after: PolicySet }
  | { readonly ok: false; readonly refused: "unknown" | "not_in_shadow" | "not_editable"; readonly policy: string }
  | { readonly ok: false; readonly refused: "faults"; readonly faults: readonly Fault[] };

/** The names of policies that are in shadow, or have an action that is, in source order. */
export function inShadow({ policies }: PolicySet): string[] {
  const tried = policies.filter(
    ({ mode, tools }) => mode === "shadow" || tools.some(({ actions }) => actions.some((one) => one.mode === "shadow")),
  );
  return tried.map(({ name }) => name);
}

/**
 * Takes policies out of shadow in the very text that their author wrote: only the word changes, so comments, order and layout stay. Of a
 * policy in shadow that is its own `mode`; of an enforced one, that of its actions in shadow. The result is compiled, and refused
 * unless it says what was asked for and nothing else, as where an alias shares the word with another rule.
 */
export function promote(files: readonly PolicyFile[], names: readonly string[], options: { readonly tenant: string }): Promotion {
  const before = compile(files, options);
  if (!before.ok) return { ok: false, refused: "faults", faults: before.faults };
  const tried = inShadow(before.policies);
  for (const policy of names) {
    if (!before.policies.policies.some(({ name }) => name === policy)) return { ok: false, refused: "unknown", policy };
    if (!tried.includes(policy)) return { ok: false, refused: "not_in_shadow", policy };
  }
  const edited = files.map((file) => ({ name: file.name, text: editText(file, new Set(names)) }));
  const after = compile(edited, options);
  const wanted = JSON.stringify(enforced(before.policies, names));
  if (!after.ok || JSON.stringify(withoutDigests(after.policies)) !== wanted) {
    return { ok: false, refused: "not_editable", policy: names.join(", ") };
  }
  return { ok: true, files: edited, before: before.policies, after: after.policies };
}

/** The same set with these policies enforced. */
function enforced(set: PolicySet, names: readonly string[]): unknown {
  const policies = set.policies.map((policy) => {
    if (!names.includes(policy.name)) return policy;
    if (policy.mode === "shadow") return { ...policy, mode: "enforce" as const };
    const tools = policy.tools.map((tool) => ({
      ...tool,
      actions: tool.actions.map((action) => ({ ...action, mode: "enforce" as const })),
    }));
    return { ...policy, tools };
  });
  return withoutDigests({ ...set, policies });
}

/** A rule's digest is over its mode too, so it follows. */
const withoutDigests = (set: PolicySet): unknown =>
  JSON.parse(JSON.stringify(set, (name, value: unknown) => (name === "digest" ? undefined : value)));

function editText({ name, text }: PolicyFile, names: ReadonlySet<string>): string {
  const starts = [text.startsWith("\ufeff") ? 1 : 0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  const edits = readDocuments(name, text, []).flatMap((source) =>
    nodesOf(source, names).map((node) => {
      const { line, column } = source.positionOf(node);
      const start = (starts[line - 1] ?? 0) + column - 1;
      const [from = 0, to = 0] = node.range ?? [];
      return { start, end: start + to - from };
    }),
  );
  return edits
    .sort((a, b) => b.start - a.start)
    .reduce((edited, { start, end }) => {
      const word = edited.slice(start, end);
      const changed = word.includes("shadow") ? word.replace("shadow", "enforce") : "enforce";
      return edited.slice(0, start) + changed + edited.slice(end);
    }, text);
}

/** The words to change. */
function nodesOf({ root, document }: SourceDocument, names: ReadonlySet<string>): Node[] {
  const follow = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const member = (of: unknown, key: string): unknown => {
    const map = follow(of);
    return isMap(map)
      ? (map as YAMLMap<unknown, unknown>).items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.value
      : undefined;
  };
  const items = (of: unknown): readonly unknown[] => {
    const list = follow(of);
    return isSeq(list) ? list.items : [];
  };
  const isShadow = (node: unknown): boolean => {
    const value = follow(node);
    return isScalar(value) && value.value === "shadow";
  };
  const policy = follow(member(member(root, "metadata"), "name"));
  if (!isScalar(policy) || !names.has(String(policy.value))) return [];
  const spec = member(root, "spec");
  const own = member(spec, "mode");
  const modes = isShadow(own)
    ? [own]
    : items(member(spec, "tools")).flatMap((tool) => items(member(tool, "actions")).map((action) => member(action, "mode")));
  return modes.filter(isShadow) as Node[];
}
