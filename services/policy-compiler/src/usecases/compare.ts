import { AegisError } from "@aegis/contracts/errors";
import { type Change, difference } from "@aegis/policy/difference";
import type { PolicyFile } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";
import { compileOrRefuse } from "./validate.ts";

export interface Comparison {
  /** The revisions compared; 0 for none yet, absent for a draft. */
  readonly from: number;
  readonly to?: number;
  readonly changes: readonly Change[];
}

/**
 * What changes from one revision to another, or to a draft, in the terms of decisions. What is compared is what was signed, so that an
 * old revision is read as it was enforced. Without `from` it is the head; without `to` and a draft too.
 *
 * @throws AegisError `not_found`; `unprocessable` with a draft's faults.
 */
export async function compare(
  ports: Pick<Ports, "revisions" | "signals">,
  request: {
    readonly tenant: string;
    readonly from?: number | undefined;
    readonly to?: number | undefined;
    readonly files?: readonly PolicyFile[] | undefined;
  },
): Promise<Comparison> {
  const { tenant, files } = request;
  const head = async () => (await ports.revisions.head(tenant))?.revision ?? 0;
  const policiesOf = async (revision: number) => {
    const found = await ports.revisions.policies(tenant, revision);
    if (found === undefined) throw new AegisError("not_found", `${tenant} has no revision ${revision}`);
    return found;
  };
  const from = request.from ?? (await head());
  const before = from === 0 ? undefined : await policiesOf(from);
  if (files !== undefined) return { from, changes: difference(before, compileOrRefuse(ports, tenant, files).policies) };
  const to = request.to ?? (await head());
  return { from, to, changes: difference(before, await policiesOf(to)) };
}
