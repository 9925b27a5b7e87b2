import { AegisError } from "@aegis/contracts/errors";
import type { Ports } from "./ports.ts";

/** Who wants to read what of a tenant, through which service. */
export interface OrgReading {
  readonly tenant: string;
  readonly service: string;
  readonly what: string;
  readonly by: string;
}

/**
 * Lets an org-auditor read, and keeps the event of it in the same transaction that looked the organisation up.
 *
 * @throws AegisError `permission_denied`: also for a tenant that does not exist, so that nobody learns which do.
 */
export async function readForOrg(
  ports: Pick<Ports, "orgs" | "clock">,
  reading: OrgReading,
  audits: (org: string | undefined) => boolean,
): Promise<void> {
  if (!(await ports.orgs.read(reading, audits, ports.clock.now().getTime())))
    throw new AegisError("permission_denied", `this needs a role in ${reading.tenant}, or org-auditor of its organisation`);
}
