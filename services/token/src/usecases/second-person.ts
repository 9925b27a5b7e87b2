import { AegisError } from "@aegis/contracts/errors";
import { person } from "@aegis/contracts/operator";
import { type Change, type GuardedAction, type Proposal, proposalMs } from "#domain/proposal.ts";
import type { Ports } from "./ports.ts";

type Needs = Pick<Ports, "proposals" | "clock" | "ids" | "signals" | "settings">;

/** Whether an action waits for a second person here. */
export const needsSecond = ({ settings }: Pick<Ports, "settings">, action: GuardedAction): boolean =>
  settings.secondPerson.includes(action);

/** Keeps what a person wants done until another one agrees. */
export async function propose(ports: Needs, change: Change, by: string): Promise<Proposal> {
  const createdAt = ports.clock.now().getTime();
  const proposal: Proposal = { id: ports.ids.next(), change, by, createdAt, expiresAt: createdAt + proposalMs };
  await ports.proposals.add(proposal);
  ports.signals.proposed(proposal);
  return proposal;
}

/**
 * Lets a second person agree, once, and then does what was proposed. When that fails the proposal is open again; when this process ends
 * before it is done, another one does it. `mayAct` says whether
 * this person could have done it alone, were one person enough.
 *
 * @throws AegisError `not_found`; `permission_denied` for the person who proposed it; `conflict` when it was approved or has expired.
 */
export async function agree<T>(
  ports: Needs,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  approver: string,
  mayAct: (change: Change) => void,
  carryOut: (proposal: Proposal & { readonly approver: string }) => Promise<T>,
): Promise<{ readonly proposal: Proposal; readonly result: T }> {
  const proposal = await ports.proposals.find(tenant, id);
  if (proposal === undefined) throw new AegisError("not_found", `there is no proposal ${id}`);
  mayAct(proposal.change);
  if (person(proposal.by) === person(approver))
    throw new AegisError("permission_denied", "a second person must agree, not the one who asked");
  const now = ports.clock.now().getTime();
  if (!(await ports.proposals.take(tenant, id, approver, now))) {
    const why = proposal.approver === undefined ? "has expired" : `was approved by ${proposal.approver}, and is done or being done`;
    throw new AegisError("conflict", `the proposal ${why}`);
  }
  try {
    const result = await carryOut({ ...proposal, approver });
    ports.signals.agreed({ ...proposal, approver });
    return { proposal: { ...proposal, approver }, result };
  } catch (error) {
    await ports.proposals.reopen(tenant, id);
    throw error;
  }
}
