import { AegisError } from "@aegis/contracts/errors";
import { agentKey, type Revocation, revocationKey, type TokenRevocation } from "#domain/revocation.ts";
import type { Ports } from "./ports.ts";
import { revocationValue } from "./revocation-value.ts";

/** How long ago an agent may have resumed and still be told to a bucket that might have missed it: the longest outage we expect. */
const resumedWithinMs = 7 * 24 * 3_600_000;

type Needs = Pick<Ports, "agents" | "revocations" | "board" | "clock" | "signals" | "journal">;

/** Tells the bucket how an agent is now. Does not fail: what could not be told is told by the next `republish`. */
export async function publishAgent(ports: Needs, ref: { readonly tenant: string; readonly agent: string }): Promise<void> {
  await telling(ports, () => tellAgent(ports, ref));
}

/** Tells the bucket of tokens revoked just now. Does not fail either. */
export async function publishTokens(ports: Needs, revocations: readonly TokenRevocation[]): Promise<void> {
  await telling(ports, async () => {
    for (const revocation of revocations) await put(ports, revocation);
  });
}

/**
 * Brings the bucket to what Postgres says, whatever became of the bucket meanwhile. Agents that have resumed are told of only
 * when the bucket may lack something: that they are not revoked is what an empty bucket says anyway.
 *
 * @throws AegisError `unavailable` while NATS or Postgres is away.
 */
export async function republish(ports: Needs): Promise<void> {
  // What the journal holds, PostgreSQL does not know: it would be told away.
  if (ports.journal.pending().length > 0) throw new AegisError("unavailable", "the journal's orders come first");
  const mark = ports.board.behind();
  const now = ports.clock.now().getTime();
  for (const revocation of await ports.revocations.all(now)) {
    // An agent may resume while this runs; a token stays revoked.
    await ("agent" in revocation ? tellAgent(ports, revocation) : put(ports, revocation));
  }
  if (mark === 0) return;
  for (const ref of await ports.revocations.resumed(now - resumedWithinMs)) await tellAgent(ports, ref);
  ports.board.caughtUp(mark);
}

const tellAgent = ({ agents, board }: Needs, { tenant, agent }: { readonly tenant: string; readonly agent: string }) =>
  agents.holding(tenant, agent, async (state, since) => {
    const key = agentKey(tenant, agent);
    if (state === "active" || state === "registered") await board.remove(key);
    else await board.put(key, JSON.stringify(revocationValue({ tenant, agent, state, since })));
  });

const put = ({ board }: Needs, revocation: Revocation): Promise<number> =>
  board.put(revocationKey(revocation), JSON.stringify(revocationValue(revocation)));

async function telling({ board, clock, signals }: Needs, tell: () => Promise<void>): Promise<void> {
  const started = clock.now().getTime();
  try {
    await tell();
    signals.revocationPublished((clock.now().getTime() - started) / 1000);
  } catch (error) {
    board.missed();
    signals.revocationNotPublished(error);
  }
}
