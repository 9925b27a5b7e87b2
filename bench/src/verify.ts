import { createHash, generateKeyPairSync, hash } from "node:crypto";
import { signCheckpoint } from "@aegis/tlog/checkpoint";
import { encodeLeaf, noPrevious } from "@aegis/tlog/leaf";
import { type LogSource, verifyLog } from "@aegis/tlog/log-verifier";
import { rawPublicKey, verifierKey } from "@aegis/tlog/note";
import { entryBundle, hashTile, tileWidth } from "@aegis/tlog/tiles";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import { decision } from "./ledger-events.ts";
import { type Machine, machine } from "./machine.ts";
import { atLeast, type BenchOptions, type Goal } from "./report.ts";
import { median } from "./rounds.ts";

interface Row {
  readonly what: string;
  readonly entries: number;
  readonly megabytes: number;
  /** Microseconds for each entry, median of the rounds. */
  readonly micros: number;
  readonly perSecond: number;
}

export interface VerifyReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

const entriesPerSecond = 50_000;
const checkpointEach = 1_000;

/**
 * What `aegis audit verify --offline` does, with the log in memory: places, chain, hash tiles, a checkpoint for each thousand entries.
 * In turn with it, the leaves' bytes are hashed twice and nothing else is done.
 */
export async function benchVerify({ rounds, seconds, progress }: BenchOptions): Promise<VerifyReport> {
  const entries = Math.round(seconds * entriesPerSecond);
  const { source, leaves, keys } = sample(entries);
  const times = { verify: [] as number[], twice: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const begun = performance.now();
    const report = await verifyLog(source(), { keys });
    const between = performance.now();
    for (const leaf of leaves) {
      hash("sha256", leaf, "buffer");
      hash("sha256", leaf, "buffer");
    }
    const ended = performance.now();
    if (report.faults.length > 0 || report.checkpoints !== Math.floor(entries / checkpointEach))
      throw new Error("the sample does not verify");
    // The first round warms the code up.
    if (round === 0) continue;
    times.verify.push(((between - begun) * 1000) / entries);
    times.twice.push(((ended - between) * 1000) / entries);
    progress(
      `round ${round}/${rounds}: verify ${times.verify.at(-1)?.toFixed(2)} us, hashing twice ${times.twice.at(-1)?.toFixed(2)} us an entry`,
    );
  }
  const megabytes = leaves.reduce((total, leaf) => total + leaf.length, 0) / 1e6;
  const row = (what: string, of: readonly number[]): Row => ({ what, entries, megabytes, micros: median(of), perSecond: 1e6 / median(of) });
  const rows = [row("verify", times.verify), row("hashing twice", times.twice)];
  return {
    machine: machine(),
    rounds,
    rows,
    goals: [atLeast("of the speed of hashing the same bytes twice", (100 * median(times.twice)) / median(times.verify), 50, "%")],
  };
}

function sample(entries: number) {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("ledger.bench", rawPublicKey(privateKey));
  const frontier = Frontier.empty();
  const [leaves, hashes, notes]: [Buffer[], Uint8Array[], string[]] = [[], [], []];
  const epoch = createHash("sha256").update("epoch").digest("hex").slice(0, 32);
  let previous = noPrevious;
  for (let sequence = 0; sequence < entries; sequence++) {
    const event = Buffer.from(JSON.stringify(decision("bench-0", epoch, sequence + 1)));
    const at = { sequence, previous, recordedAt: new Date().toISOString() };
    const leaf = Buffer.from(
      encodeLeaf({ tenant: "bench", kind: "decision", subject: "aegis.decision.bench.finance-agent.allow", ...at, event }),
    );
    const hashed = leafHash(leaf);
    leaves.push(leaf);
    hashes.push(hashed);
    frontier.append(hashed);
    previous = Buffer.from(hashed).toString("hex");
    if (frontier.size % checkpointEach === 0)
      notes.push(signCheckpoint({ origin: "ledger.bench/bench", size: frontier.size, root: frontier.root() }, privateKey));
  }
  const tiles = Array.from({ length: Math.ceil(entries / tileWidth) }, (_, index) => ({
    entries: entryBundle(leaves.slice(index * tileWidth, (index + 1) * tileWidth)),
    hashes: hashTile(hashes.slice(index * tileWidth, (index + 1) * tileWidth)),
  }));
  // A verifier may write into a bundle, so each run gets its own.
  const source = (): LogSource => {
    const own = tiles.map((tile) => ({ ...tile, entries: Uint8Array.from(tile.entries) }));
    return { tenant: "bench", notes, read: async (kind, index) => (kind === "remains" ? undefined : own[index]?.[kind]) };
  };
  return { source, leaves, keys: [key] };
}
