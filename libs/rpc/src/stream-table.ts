import type { ServerHttp2Session } from "node:http2";

/**
 * What `node:http2` keeps a session's open streams in, instead of a `Map`. V8 chains every replaced table of a map to its successor: once
 * one of them is old, every later request lives on through each collection of young objects, until a full one. Two arrays have no such
 * chain. Open streams are bounded by `max_concurrent_streams`, so the search stays short.
 */
export class StreamTable<V> {
  readonly #ids: number[] = [];
  readonly #values: V[] = [];

  get size(): number {
    return this.#ids.length;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }

  get(id: number): V | undefined {
    const at = this.#ids.indexOf(id);
    return at < 0 ? undefined : this.#values[at];
  }

  set(id: number, value: V): this {
    const at = this.#ids.indexOf(id);
    if (at < 0) {
      this.#ids.push(id);
      this.#values.push(value);
    } else this.#values[at] = value;
    return this;
  }

  delete(id: number): boolean {
    const at = this.#ids.indexOf(id);
    if (at < 0) return false;
    const [lastId, last] = [this.#ids.pop() as number, this.#values.pop() as V];
    if (lastId !== id) [this.#ids[at], this.#values[at]] = [lastId, last];
    return true;
  }

  clear(): void {
    this.#ids.length = 0;
    this.#values.length = 0;
  }

  /** Over what is there now: a stream that is closed meanwhile takes itself out. */
  forEach(visit: (value: V, id: number) => void): void {
    for (const [id, value] of this.entries()) visit(value, id);
  }

  keys(): IterableIterator<number> {
    return this.#ids.slice().values();
  }

  values(): IterableIterator<V> {
    return this.#values.slice().values();
  }

  entries(): IterableIterator<[number, V]> {
    return this.#ids.map((id, at): [number, V] => [id, this.#values[at] as V]).values();
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.entries();
  }
}

/** Gives a new session that table; false where this Node keeps its streams otherwise: then they stay where they are. */
export function replaceStreamTable(session: ServerHttp2Session): boolean {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === "state");
  const state = key && (session as unknown as Record<symbol, { streams?: { size?: unknown } }>)[key];
  if (state?.streams?.size !== 0) return false;
  state.streams = new StreamTable();
  return true;
}
