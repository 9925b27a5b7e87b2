import { AegisError } from "@aegis/contracts/errors";
import { RE2JS } from "re2js";
import { Kind } from "./characters.ts";
import { hasContext } from "./context.ts";
import type { Detector, Span } from "./detector.ts";
import { detectorNames, detectorOf } from "./detectors.ts";

/** A pattern of a tenant's own. */
export interface TenantPattern {
  /** What policies call it; none of the built-in names. */
  readonly name: string;
  /** RE2 (linear in the text's length), found anywhere in the folded text. */
  readonly pattern: string;
  /** Words of which one must stand within 40 characters before a match, behind it in its clause, or in the member's name; absent: none need. */
  readonly context?: readonly string[];
}

interface Named {
  readonly name: string;
  readonly detector: Detector;
}

/** Detectors ready to look; made once per policy revision. */
export interface Detectors {
  readonly names: readonly string[];
  readonly all: readonly Named[];
  /** For the kinds of characters that a text holds, those that can find something in it. */
  readonly for: (kinds: number) => readonly Named[];
}

/**
 * Prepares the built-in detectors and the tenant's own that are asked for.
 *
 * @param names what to look for; absent: every built-in detector and every one of the tenant's.
 * @throws AegisError `invalid_argument` for a name that is neither built in nor the tenant's, for a tenant's name that is built in or
 *   given twice, and for a pattern that is not RE2.
 */
export function prepareDetectors(names?: readonly string[], own: readonly TenantPattern[] = []): Detectors {
  const known = new Map<string, Detector>(detectorNames.map((name) => [name, detectorOf(name) as Detector]));
  for (const pattern of own) {
    if (known.has(pattern.name)) throw refuse(`there is a detector "${pattern.name}" already: give yours another name`);
    known.set(pattern.name, fromPattern(pattern));
  }
  const all = [...new Set(names ?? known.keys())].map((name) => {
    const detector = known.get(name);
    if (detector === undefined) throw refuse(`there is no detector "${name}"`);
    return { name, detector };
  });
  const byKinds: (readonly Named[])[] = [];
  return {
    names: all.map(({ name }) => name),
    all,
    for: (kinds) => {
      byKinds[kinds] ??= all.filter(({ detector }) => (detector.needs & kinds) !== 0);
      return byKinds[kinds];
    },
  };
}

const refuse = (message: string) => new AegisError("invalid_argument", message);

function fromPattern({ name, pattern, context }: TenantPattern): Detector {
  const compiled = compile(name, pattern);
  const words = context === undefined || context.length === 0 ? undefined : { words: anyOf(context), before: 40, after: 32 };
  return {
    describes: `the tenant's own pattern ${name}`,
    certainty: 3,
    shortest: 1,
    needs: Kind.any,
    find(subject) {
      const found: Span[] = [];
      const matcher = compiled.matcher(subject.text);
      while (matcher.find()) {
        const [start, end] = [matcher.start(), matcher.end()];
        if (end > start && (words === undefined || hasContext(subject, start, end, words))) found.push({ start, end });
      }
      return found;
    },
  };
}

function compile(name: string, pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (cause) {
    throw new AegisError("invalid_argument", `the pattern of detector "${name}" is not RE2`, { cause });
  }
}

/** Any of the words, as a word of its own, in either case. */
const anyOf = (words: readonly string[]) =>
  new RegExp(
    `(?<![\\p{L}\\p{N}])(?:${words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|")})(?![\\p{L}\\p{N}])`,
    "iu",
  );

const builtIn = new Map<string, Detectors>();

/** Built-in detectors by name, kept for the next time. */
export function builtInDetectors(names: readonly string[]): Detectors {
  const key = names.join(" ");
  let detectors = builtIn.get(key);
  if (detectors === undefined) {
    detectors = prepareDetectors(names);
    // There are few lists of names; a caller that makes up new ones must not fill the memory.
    if (builtIn.size < 1_000) builtIn.set(key, detectors);
  }
  return detectors;
}
