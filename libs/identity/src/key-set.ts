import { z } from "zod";
import { importPublicKey, type NamedKey, publicJwk } from "./keys.ts";

/** Where the last good key set is kept between runs, so that a start with the issuer down still verifies. Failures are ignored. */
export interface JwksCache {
  load(): Promise<string | undefined>;
  save(jwks: string): Promise<void>;
}

/** Fetches a JWK set (RFC 7517 §5) as JSON text; rejects when it cannot. */
export type JwksSource = (signal: AbortSignal) => Promise<string>;

export interface KeySetOptions {
  readonly source: JwksSource;
  readonly cache?: JwksCache | undefined;
  /** Milliseconds. */
  readonly now: () => number;
  /** At most one fetch in this time, however many unknown kids are asked for. */
  readonly cooldownMs?: number;
  /** A set older than this is renewed in the background. */
  readonly maxAgeMs?: number;
  readonly timeoutMs?: number;
}

const jwks = z.object({ keys: z.array(z.unknown()).max(100) });

/** The largest JWK set that is read, in characters. */
const maxJwksLength = 256 * 1024;

/** A JWK set behind a URL. */
export function jwksFrom(url: string): JwksSource {
  return async (signal) => {
    const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response.text();
  };
}

/**
 * The issuer's public keys by `kid`. The last good set is kept for as long as no newer one can be had: an issuer that is
 * down, or that answers nonsense, takes no key away.
 */
export class KeySet {
  readonly #options: Required<Omit<KeySetOptions, "cache">> & Pick<KeySetOptions, "cache">;
  #keys: ReadonlyMap<string, NamedKey> | undefined;
  #text = "";
  #generation = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;
  #loaded: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = { cooldownMs: 30_000, maxAgeMs: 600_000, timeoutMs: 5_000, ...options };
  }

  /** Rises whenever the set changes: what was verified under an older generation must be verified again. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether any key set was ever had. */
  get known(): boolean {
    return this.#keys !== undefined;
  }

  /** The key of that name; an unknown one is looked up at the issuer, at most once per cooldown. */
  async get(kid: string): Promise<NamedKey | undefined> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const held = this.#inForce(kid);
    if (held !== undefined) {
      if (this.#options.now() - this.#fetchedAt > this.#options.maxAgeMs) void this.#refresh();
      return held;
    }
    await this.#refresh();
    return this.#inForce(kid);
  }

  #inForce(kid: string): NamedKey | undefined {
    const key = this.#keys?.get(kid);
    return key?.until !== undefined && key.until <= this.#options.now() ? undefined : key;
  }

  /** Fetches the set unless that was tried within the cooldown; never rejects. */
  #refresh(): Promise<void> {
    if (this.#pending !== undefined) return this.#pending;
    const since = this.#options.now() - this.#triedAt;
    // A clock that was set back must not stop refreshing.
    if (since >= 0 && since < this.#options.cooldownMs) return Promise.resolve();
    this.#triedAt = this.#options.now();
    this.#pending = this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetch(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(this.#options.timeoutMs);
      const text = await withinSignal(this.#options.source(signal), signal);
      const changed = text !== this.#text;
      await this.#adopt(text);
      this.#fetchedAt = this.#options.now();
      if (changed) await this.#options.cache?.save(text).catch(() => undefined);
    } catch {
      // The last good set stays.
    }
  }

  async #load(): Promise<void> {
    const text = await this.#options.cache?.load().catch(() => undefined);
    if (text !== undefined) await this.#adopt(text).catch(() => undefined);
  }

  async #adopt(text: string): Promise<void> {
    if (text === this.#text) return;
    const keys = await parseJwks(text);
    // An empty answer is a fault of the issuer, not the end of every key.
    if (keys.size === 0) throw new Error("the key set holds no usable key");
    this.#keys = keys;
    this.#text = text;
    this.#generation += 1;
  }
}

/** Keys of kinds we do not use are skipped; of two keys with one name neither is used. */
async function parseJwks(text: string): Promise<Map<string, NamedKey>> {
  if (text.length > maxJwksLength) throw new Error("the key set is too large");
  const keys = new Map<string, NamedKey>();
  const twice = new Set<string>();
  for (const candidate of jwks.parse(JSON.parse(text)).keys) {
    const jwk = publicJwk.safeParse(candidate);
    if (!jwk.success || jwk.data.kid === undefined) continue;
    if (keys.has(jwk.data.kid)) twice.add(jwk.data.kid);
    keys.set(jwk.data.kid, await importPublicKey(jwk.data));
  }
  for (const kid of twice) keys.delete(kid);
  return keys;
}

/** A source that ignores its signal is given up on all the same. */
function withinSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
