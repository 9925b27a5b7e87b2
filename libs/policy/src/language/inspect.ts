import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { maxAliases, maxDepth } from "./measure.ts";
import type { SourceDocument } from "./source.ts";

const maxNodes = 100_000;
const coreTag = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;

/**
 * Reports what makes a document unsafe or ambiguous, and whether it is safe to walk. `tags`: whether tags are still to be looked at.
 * A document that is only ambiguous is read on, so that its other faults are found too; having a fault, it is never lowered.
 */
export function inspect(source: SourceDocument, look: { readonly tags: boolean }): boolean {
  const { document, report, positionOf } = source;
  const open = new Set<Node>();
  let safe = true;
  let aliases = 0;
  let nodes = 0;
  const refuse: typeof report = (...fault) => {
    // One report, and the walk is over.
    if (safe) report(...fault);
    safe = false;
  };

  /** Walks aliases too, so that what they unfold to is counted; faults inside are reported once, where they are written. */
  function visit(node: Node | null, depth: number, unfolded: boolean): void {
    if (node === null || !safe) return;
    if (++nodes > maxNodes) refuse(positionOf(node), "alias_limit", "the document unfolds to too many values", "write it without aliases");
    else if (depth > maxDepth) refuse(positionOf(node), "too_deep", "nesting is too deep", `nest at most ${maxDepth} deep`);
    else if (isAlias(node)) visitAlias(node, depth, unfolded);
    else {
      open.add(node);
      if (!unfolded) checkNode(node);
      if (isSeq(node)) for (const item of node.items) visit(item as Node | null, depth + 1, unfolded);
      if (isMap(node)) visitMap(node, depth, unfolded);
      open.delete(node);
    }
  }

  function visitAlias(alias: Alias, depth: number, unfolded: boolean): void {
    if (!unfolded && ++aliases > maxAliases) {
      refuse(positionOf(alias), "alias_limit", `more than ${maxAliases} aliases`, "repeat the values instead");
      return;
    }
    const target = alias.resolve(document);
    const name = alias.source.slice(0, 64);
    if (target === undefined) {
      refuse(
        positionOf(alias),
        "alias_unknown",
        `the alias *${name} has no anchor before it`,
        `write &${name} before the value it repeats`,
      );
    } else if (open.has(target)) {
      refuse(positionOf(alias), "alias_cycle", `the alias *${name} stands inside what it repeats`, "repeat the values instead");
    } else visit(target, depth + 1, true);
  }

  function checkNode(node: Node): void {
    if (look.tags && !isAlias(node) && node.tag !== undefined && !coreTag.test(node.tag)) {
      report(positionOf(node), "custom_tag", `the tag ${node.tag.slice(0, 64)} is not part of the language`, "leave the tag out");
    }
    if (isScalar(node) && typeof node.value === "string" && !node.value.isWellFormed()) {
      report(positionOf(node), "invalid_text", "the text holds half of a surrogate pair", "write the whole character");
    }
  }

  function visitMap(map: YAMLMap, depth: number, unfolded: boolean): void {
    const keys = new Set<string>();
    for (const pair of map.items) {
      const key = pair.key as Node | null;
      if (!isScalar(key) || typeof key.value !== "string") {
        if (!unfolded) report(positionOf(key ?? map), "key_not_text", "a key must be text", "put it in quotes");
      } else {
        if (!unfolded) checkKey(key.value, key, keys);
        keys.add(key.value);
      }
      visit(key, depth + 1, unfolded);
      visit(pair.value as Node | null, depth + 1, unfolded);
    }
  }

  function checkKey(name: string, key: Node, before: ReadonlySet<string>): void {
    if (name === "<<") report(positionOf(key), "merge_key", "YAML 1.2 has no merge keys", "repeat the members instead");
    else if (before.has(name)) report(positionOf(key), "duplicate_key", `"${name.slice(0, 64)}" is there twice`, "keep one of them");
  }

  visit(source.root, 1, false);
  return safe;
}
