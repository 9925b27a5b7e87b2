import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import type { SourceDocument } from "./source.ts";

const maxDepth = 32;
const maxAliases = 20;
const maxNodes = 200_000;
const coreTag = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;

/** Reports what makes a document unsafe or ambiguous to walk, and whether it is neither. */
export function inspect(source: SourceDocument): boolean {
  const { document, report, positionOf } = source;
  let sound = true;
  let aliases = 0;
  let nodes = 0;
  const refuse: typeof report = (...fault) => {
    sound = false;
    report(...fault);
  };

  /** Walks aliases too, so that what they unfold to is counted; faults inside are reported once, where they are written. */
  function visit(node: Node | null, depth: number, unfolded: boolean): void {
    if (node === null || nodes > maxNodes) return;
    nodes++;
    if (nodes > maxNodes) {
      refuse(positionOf(node), "alias_limit", "the document unfolds to too many values", "write it without aliases");
    } else if (depth > maxDepth) {
      // An alias inside its own anchor is endless: one report, and the walk is over.
      nodes = maxNodes + 1;
      refuse(positionOf(node), "too_deep", "nesting is too deep", `nest at most ${maxDepth} deep`);
    } else if (isAlias(node)) {
      visitAlias(node, depth, unfolded);
    } else {
      if (!unfolded) checkNode(node);
      if (isSeq(node)) for (const item of node.items) visit(item as Node | null, depth + 1, unfolded);
      if (isMap(node)) visitMap(node, depth, unfolded);
    }
  }

  function visitAlias(alias: Alias, depth: number, unfolded: boolean): void {
    if (!unfolded && ++aliases > maxAliases) {
      if (aliases === maxAliases + 1)
        refuse(positionOf(alias), "alias_limit", `more than ${maxAliases} aliases`, "repeat the values instead");
      return;
    }
    const target = alias.resolve(document);
    if (target === undefined) refuse(positionOf(alias), "syntax", `the alias *${alias.source.slice(0, 64)} has no anchor before it`);
    else visit(target, depth + 1, true);
  }

  function checkNode(node: Node): void {
    if (!isAlias(node) && node.tag !== undefined && !coreTag.test(node.tag)) {
      refuse(positionOf(node), "custom_tag", `the tag ${node.tag.slice(0, 64)} is not part of the language`, "leave the tag out");
    }
    if (isScalar(node) && typeof node.value === "string" && !node.value.isWellFormed()) {
      refuse(positionOf(node), "invalid_value", "the text holds half of a surrogate pair", "write the whole character");
    }
  }

  function visitMap(map: YAMLMap, depth: number, unfolded: boolean): void {
    const keys = new Set<string>();
    for (const pair of map.items) {
      const key = pair.key as Node | null;
      if (!isScalar(key) || typeof key.value !== "string") {
        if (!unfolded) refuse(positionOf(key ?? map), "wrong_type", "a key must be text", "put it in quotes");
        continue;
      }
      if (keys.has(key.value) && !unfolded)
        refuse(positionOf(key), "duplicate_key", `"${key.value.slice(0, 64)}" is there twice`, "keep one of them");
      keys.add(key.value);
      visit(key, depth + 1, unfolded);
      visit(pair.value as Node | null, depth + 1, unfolded);
    }
  }

  visit(source.root, 1, false);
  return sound;
}
