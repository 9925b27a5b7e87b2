import { every } from "@aegis/service/every";
import type { HealthCheck } from "@aegis/service/health";
import { resumeAgreed } from "#usecases/carry-out.ts";
import type { Ports } from "#usecases/ports.ts";
import { republish } from "#usecases/publish-revocations.ts";
import { replayJournal } from "#usecases/stop.ts";
import type { TokenSignals } from "../signals.ts";

const everyMs = 1_000;
const republishEveryMs = 30_000;
const refreshEveryMs = 10_000;
const purgeEveryMs = 60_000;
const agreedEveryMs = 15_000;

/** What the rounds work on. */
export interface Background {
  readonly ports: Ports & { readonly signals: TokenSignals };
  /** Reads the signing keys again. */
  readonly refreshKeys: () => Promise<void>;
  readonly connected: () => boolean;
  /** Makes the streams and buckets a NATS server lacks. */
  readonly ensureStreams: () => Promise<void>;
  readonly database: HealthCheck;
  /** How long a signing key signs, in milliseconds. */
  readonly keyMs: number;
}

/**
 * Once a second: tells the bucket what it missed (and everything, every 30 s), renews the keys at hand, does what people agreed to
 * and a process that ended left undone, forgets what has expired.
 * What fails is tried again in the next round. Disposing lets the round in hand finish.
 */
export function keepPublished({ ports, refreshKeys, connected, ensureStreams, database, keyMs }: Background): AsyncDisposable {
  const works = [
    work(
      "replay the journal",
      everyMs,
      () => replayJournal(ports),
      () => ports.journal.pending().length > 0,
    ),
    work(
      "republish revocations",
      republishEveryMs,
      () => ensureStreams().then(() => republish(ports)),
      () => ports.board.behind() > 0,
    ),
    work("refresh keys", refreshEveryMs, () => refreshKeys().then(database.up, (error) => fail(database, error))),
    work("rotate keys", purgeEveryMs, () => ports.keys.rotate(keyMs).then(() => undefined)),
    work("do what was agreed to", agreedEveryMs, () => resumeAgreed(ports)),
    work("purge", purgeEveryMs, () => Promise.all([ports.grants.purge(), ports.proofs.purge()]).then(() => undefined)),
  ];
  const sweep = async () => {
    for (const one of works) {
      if (!one.isDue() || (one.name === "republish revocations" && !connected())) continue;
      await one.run().catch((error) => ports.signals.roundFailed(one.name, error));
    }
  };
  return every(everyMs, sweep, (error) => ports.signals.roundFailed("round", error));
}

function work(name: string, everyMs: number, run: () => Promise<void>, urgent: () => boolean = () => false) {
  let doneAt = Number.NEGATIVE_INFINITY;
  return {
    name,
    isDue: () => urgent() || performance.now() - doneAt >= everyMs,
    async run() {
      await run();
      doneAt = performance.now();
    },
  };
}

function fail(database: HealthCheck, error: unknown): never {
  database.down("PostgreSQL cannot be used");
  throw error;
}
