import { isAlias, isMap, isScalar, isSeq, type Node, Scalar } from "yaml";
import type { FaultCode } from "./fault.ts";
import { objectSchema, type Schema } from "./schema.ts";
import type { Position, SourceDocument } from "./source.ts";
import { suggestion } from "./suggest.ts";

/** A value in a document, and the key it stands under. */
export interface Place {
  readonly source: SourceDocument;
  readonly node: Node;
  /** The value's own position. */
  readonly position: Position;
  /** Of the key that leads to it, or of the value itself in a list: where a missing member is reported. */
  readonly parent: Position;
  /** How a person would name it: `limits[0].usd`. */
  readonly path: string;
}

/**
 * Reads one value: reports every fault below it, and gives the value, or `undefined` when it is unusable.
 * What is lowered was read without a single fault, so a reader may return partial values beside its reports.
 */
export interface Reader<T> {
  (place: Place): T | undefined;
  /** The same in JSON Schema, as far as that can say it: it accepts whatever the reader accepts. */
  readonly schema: Schema;
}

/** A reader and its schema, which say the same. */
export const reader = <T>(schema: Schema, read: (place: Place) => T | undefined): Reader<T> =>
  Object.assign((place: Place) => read(place), { schema });

export interface Member<T, P extends "required" | "optional" = "required" | "optional"> {
  readonly read: Reader<T>;
  readonly presence: P;
  /** What it means, for the reference and for editors. */
  readonly about: string;
}

export type Members = Readonly<Record<string, Member<unknown>>>;
type Named<M extends Members, P> = { [K in keyof M]: M[K]["presence"] extends P ? K : never }[keyof M];
type ValueOf<M> = M extends Member<infer T> ? T : never;

/** What a map with these members holds, once it was read without fault. */
export type RecordOf<M extends Members> = { readonly [K in Named<M, "required">]: ValueOf<M[K]> } & {
  readonly [K in Named<M, "optional">]?: ValueOf<M[K]>;
};

export const required = <T>(read: Reader<T>, about: string): Member<T, "required"> => ({ read, presence: "required", about });
export const optional = <T>(read: Reader<T>, about: string): Member<T, "optional"> => ({ read, presence: "optional", about });

export function fault(place: Place, code: FaultCode, message: string, hint = ""): undefined {
  place.source.report(place.position, code, message, hint);
  return undefined;
}

/** A map with just these members. */
export function record<M extends Members>(members: M): Reader<RecordOf<M>> {
  const known = Object.keys(members).filter((name) => !name.startsWith("$"));
  return reader(objectSchema(members), (place) => {
    const { node, source, path } = place;
    if (!isMap(node)) return wrongType(place, `a map with ${known.join(", ")}`);
    const values = Object.create(null) as Record<string, unknown>;
    const seen = new Set<string>();
    for (const { name, key, value } of entries(place)) {
      const member = Object.hasOwn(members, name) ? members[name] : undefined;
      seen.add(name);
      if (member === undefined) {
        source.report(key, "unknown_key", `"${show(name)}" means nothing in ${path || "a policy document"}`, suggestion(name, known));
      } else {
        const read = member.read(value);
        if (read !== undefined) values[name] = read;
      }
    }
    for (const [name, { presence }] of Object.entries(members)) {
      if (presence === "required" && !seen.has(name)) {
        source.report(place.parent, "missing_key", `${path || "the document"} has no "${name}"`, `add "${name}"`);
      }
    }
    return values as RecordOf<M>;
  });
}

/** A map whose keys the author names, in source order. */
export function mapOf<T>(readKey: Reader<string>, read: Reader<T>): Reader<readonly { name: string; at: Position; value: T }[]> {
  const { schema } = read;
  return reader({ type: "object", propertyNames: readKey.schema, additionalProperties: schema }, (place) => {
    if (!isMap(place.node)) return wrongType(place, "a map");
    return entries(place).flatMap(({ name, key, value }) => {
      const named = readKey({ ...value, node: new Scalar(name), position: key });
      const result = read(value);
      return named !== undefined && result !== undefined ? [{ name, at: key, value: result }] : [];
    });
  });
}

export interface ListOptions {
  readonly atLeast?: number;
  /** What is listed, for whoever writes something else. */
  readonly what?: string;
  /** Plain values may be there twice, as saying something twice means something, or is looked for elsewhere. */
  readonly repeats?: boolean;
}

export function listOf<T>(read: Reader<T>, options: ListOptions = {}): Reader<readonly T[]> {
  const { atLeast = 0, what, repeats = false } = options;
  return reader({ type: "array", items: read.schema, ...(atLeast > 0 && { minItems: atLeast }) }, (place) => {
    if (!isSeq(place.node)) return wrongType(place, `a list${what === undefined ? "" : ` of ${what}`}`);
    const { items } = place.node;
    if (items.length < atLeast) return fault(place, "empty_list", `${place.path} is empty`, "list at least one");
    const before = new Set<unknown>();
    return items.flatMap((_, index) => {
      const item = itemOf(place, index);
      if (item === undefined) return [];
      const value = scalar(item)?.value;
      if (!repeats && value !== undefined && before.has(value)) {
        fault(item, "duplicate_entry", `"${show(String(value))}" is in ${place.path} twice`, "keep one of them");
      }
      before.add(value);
      const result = read(item);
      return result === undefined ? [] : [result];
    });
  });
}

/** Reads a plain value one way and a map another. */
export function eitherOf<A, B>(plain: Reader<A>, structured: Reader<B>): Reader<A | B> {
  return reader<A | B>({ anyOf: [plain.schema, structured.schema] }, (place) => (isMap(place.node) ? structured(place) : plain(place)));
}

/** A reader that looks again at what another one read. */
export function checked<T>(read: Reader<T>, check: (place: Place, value: T) => void, schema: Schema = {}): Reader<T> {
  return reader({ ...read.schema, ...schema }, (place) => {
    const value = read(place);
    if (value !== undefined) check(place, value);
    return value;
  });
}

/** Keeps where a value stands beside it. */
export function positioned<T>(read: Reader<T>): Reader<{ readonly at: Position; readonly value: T }> {
  return reader(read.schema, (place) => {
    const value = read(place);
    return value === undefined ? undefined : { at: place.position, value };
  });
}

/** The same, standing at its key. */
export function keyed<T>(read: Reader<T>): Reader<{ readonly at: Position; readonly value: T }> {
  return reader(read.schema, (place) => {
    const value = read(place);
    return value === undefined ? undefined : { at: place.parent, value };
  });
}

/** A plain value: text, number, truth value or null. */
export function scalar(place: Place): { readonly value: string | number | boolean | null } | undefined {
  if (!isScalar(place.node)) return undefined;
  const { value } = place.node;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null ? { value } : undefined;
}

export function wrongType(place: Place, wanted: string): undefined {
  const code = isScalar(place.node) && place.node.value === null && place.node.source !== "null" ? "missing_value" : "wrong_type";
  return fault(place, code, `${place.path || "the document"} is ${kindOf(place.node)}`, `write ${wanted}`);
}

/** The root of a document as a place. */
export function rootOf(source: SourceDocument): Place {
  const position = source.positionOf(source.root);
  return follow({ source, node: source.root, position, parent: position, path: "" });
}

export interface Entry {
  readonly name: string;
  readonly key: Position;
  readonly value: Place;
}

/** The members of a map, in source order. */
export function entries(place: Place): Entry[] {
  const { node, source, path } = place;
  if (!isMap(node)) return [];
  return node.items.flatMap((pair) => {
    const keyNode = pair.key as Node;
    if (!isScalar(keyNode) || typeof keyNode.value !== "string") return [];
    const name = keyNode.value;
    const key = source.positionOf(keyNode);
    // `{ name }` has a key and no value at all, which means what an empty one does.
    const value = (pair.value as Node | null) ?? new Scalar(null);
    const valuePath = path === "" ? show(name) : `${path}.${show(name)}`;
    // A value that is not written at all stands at its key; a pair of quotes with nothing in them is written.
    const unwritten = !value.range || (isScalar(value) && value.source === "" && value.type === "PLAIN");
    const position = unwritten ? key : source.positionOf(value);
    return [{ name, key, value: follow({ source, node: value, position, parent: key, path: valuePath }) }];
  });
}

/** An entry of a list. */
export function itemOf(place: Place, index: number): Place | undefined {
  const item = isSeq(place.node) ? (place.node.items[index] as Node | undefined) : undefined;
  if (item === undefined) return undefined;
  const position = place.source.positionOf(item);
  return follow({ ...place, node: item, position, parent: position, path: `${place.path}[${index}]` });
}

function follow(place: Place): Place {
  let { node } = place;
  while (isAlias(node)) {
    const target = node.resolve(place.source.document);
    if (target === undefined) break;
    node = target;
  }
  return node === place.node ? place : { ...place, node };
}

function kindOf(node: Node): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  if (!isScalar(node)) return "unreadable";
  if (node.value === null) return "empty";
  return { string: "text", number: "a number", boolean: "true or false" }[typeof node.value as string] ?? "of another type";
}

const show = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}…` : text);
