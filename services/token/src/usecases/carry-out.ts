import { AegisError } from "@aegis/contracts/errors";
import type { Agent } from "#domain/agent.ts";
import type { Proposal } from "#domain/proposal.ts";
import { widenCeiling } from "./change-ceiling.ts";
import type { Ports } from "./ports.ts";
import { type Stopped, stop } from "./stop.ts";

/** What came of a proposal, by its action. */
export interface CarriedOut {
  readonly agent?: Agent;
  readonly stopped?: Stopped;
  readonly key?: { readonly kid: string; readonly signsFrom: number };
}

/**
 * Does what two people agreed to, and notes that it is done. Doing it once more, because a process ended before the note, changes nothing:
 * a tenant stays revoked, a ceiling is changed in the transaction of the note, and a key that is being announced keeps a second one away.
 *
 * @throws AegisError what the action itself says no with; nothing is noted then.
 */
export async function carryOut(ports: Ports, proposal: Proposal & { readonly approver: string }, waitMs: number): Promise<CarriedOut> {
  const { id, change } = proposal;
  const by = `${proposal.by}, with ${proposal.approver}`;
  if (change.action === "widen-scope") return { agent: await widenCeiling(ports, change, change.ceiling, by, id) };
  const done =
    change.action === "rotate-key" ? { key: await rotated(ports) } : { stopped: await stopped(ports, change.tenant, by, waitMs) };
  await ports.proposals.finish(change.tenant, id, ports.clock.now().getTime());
  return done;
}

const stopped = (ports: Ports, tenant: string, by: string, waitMs: number): Promise<Stopped> =>
  stop(ports, { kind: "tenant", tenant, name: tenant }, by, waitMs);

async function rotated(ports: Ports) {
  const key = await ports.keys.rotate();
  if (key === undefined) throw new AegisError("conflict", "a new key is being announced already");
  return key;
}

/** A process that agreed so long ago, in milliseconds, and has not done it, has ended. */
const abandonedMs = 60_000;

/**
 * Does what was agreed to and left undone. What cannot be done any more is open again, for people to look at.
 *
 * @throws AegisError `unavailable`: it stays undone, until the next time.
 */
export async function resumeAgreed(ports: Ports, afterMs = abandonedMs): Promise<void> {
  const before = ports.clock.now().getTime() - afterMs;
  for (const proposal of await ports.proposals.undone(before)) {
    const { id, change } = proposal;
    // One instance at a time: whoever moves the moment of the agreement has it for the next minute.
    if (!(await ports.proposals.claim(change.tenant, id, before, ports.clock.now().getTime()))) continue;
    try {
      await carryOut(ports, proposal, 0);
      ports.signals.agreed(proposal);
    } catch (error) {
      const { code } = AegisError.from(error);
      // The key that keeps another one away is the one that was agreed to.
      if (change.action === "rotate-key" && code === "conflict")
        await ports.proposals.finish(change.tenant, id, ports.clock.now().getTime());
      else if (code === "conflict" || code === "not_found") await ports.proposals.reopen(change.tenant, id);
      else throw error;
    }
  }
}
