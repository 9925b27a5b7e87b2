import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/name-patterns";
import type { Standing } from "#domain/principal.ts";
import { type Revocations, staleAfterMs } from "#domain/revocations.ts";
import type { Clock, RevocationCache, RevocationSnapshots } from "./ports.ts";

export interface AdoptRevocations {
  /** Brings back what was known before. */
  load(): Promise<void>;
  /**
   * Takes over one entry of the bucket at its revision: `<tenant>`, `<tenant>.<agent>` or `<tenant>.token.<jti>`, value
   * `{state, since, until?}`. A deleted entry means active again; one that makes no sense counts as revoked.
   */
  entry(key: string, value: Uint8Array | undefined, revision?: number): void;
  /** The newest revision of the bucket that is enforced here; 0 while none is known. */
  applied(): number;
  /** Whether what is known is young enough to act on: when it is not, every call is denied. */
  fresh(): boolean;
  /** Whether the bucket is being followed now: read as a whole, and connected. */
  follows(up: boolean): void;
  /**
   * Confirms what is known, and keeps it on the disk. Without the bucket, the token service itself is asked; its entries are only
   * added: whoever is active again is so once the bucket says it.
   *
   * @throws AegisError `unavailable` when neither can be had.
   */
  refresh(): Promise<void>;
}

/** What is known is kept at least this often, so that a restart knows how old it is; in milliseconds. */
const keepEveryMs = 10_000;

const standings: readonly Standing[] = ["active", "suspended", "revoked"];

/** Keeps this replica's view of who may no longer act. */
export function adoptRevocations(ports: {
  revocations: Revocations;
  cache: RevocationCache;
  snapshots: RevocationSnapshots;
  clock: Clock;
  /** Called when `applied()` has changed. */
  onChange?: () => void;
}): AdoptRevocations {
  const { revocations } = ports;
  let changed = false;
  let followed = false;
  let keptAt = 0;
  let applied = 0;
  const now = () => ports.clock.now().getTime();
  const take = (key: string, value: unknown) => {
    const [tenant = "", agent, tokenId, ...rest] = key.split(".");
    const named = namePattern.test(tenant) && (agent === undefined || namePattern.test(agent)) && rest.length === 0;
    if (!named || (tokenId !== undefined && agent !== "token")) throw new AegisError("unprocessable", `revocation ${key} names nobody`);
    if (agent === undefined) revocations.setTenant(tenant, value !== undefined && standingOf(value) !== "active");
    else if (tokenId === undefined) revocations.setAgent(key, value === undefined ? "active" : standingOf(value));
    else revocations.setToken(key, value === undefined ? undefined : untilOf(value));
    changed = true;
  };
  const poll = async () => {
    const { issuedAt, entries } = await ports.snapshots.fetch();
    for (const [key, value] of Object.entries(entries)) take(key, value);
    revocations.confirm(Math.min(issuedAt, now()));
  };
  return {
    async load() {
      const kept = await ports.cache.load();
      if (kept) revocations.restore(kept);
    },
    entry(key, value, revision) {
      take(key, value === undefined ? undefined : parse(value));
      if (revision === undefined) return;
      applied = revision;
      // While the bucket is read as a whole, others are told once: at its end.
      if (followed) ports.onChange?.();
    },
    applied: () => applied,
    fresh: () => revocations.age(now()) <= staleAfterMs,
    follows(up) {
      followed = up;
      if (!up) return;
      revocations.confirm(now());
      ports.onChange?.();
    },
    async refresh() {
      if (followed) revocations.confirm(now());
      else await poll();
      if (!changed && now() - keptAt < keepEveryMs) return;
      changed = false;
      keptAt = now();
      revocations.sweep(now());
      await ports.cache.save(revocations.dump());
    },
  };
}

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** An unknown state is taken for the worst one. */
const standingOf = (value: unknown): Standing => standings.find((one) => one === member(value, "state")) ?? "revoked";

/** Without a readable end the entry is kept for good. */
function untilOf(value: unknown): number {
  const until = member(value, "until");
  const at = typeof until === "string" ? Date.parse(until) : Number.NaN;
  return Number.isNaN(at) ? Number.MAX_SAFE_INTEGER : at;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
