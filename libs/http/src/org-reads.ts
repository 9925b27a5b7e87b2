import { AegisError } from "@aegis/contracts/errors";
import type { ServiceName } from "@aegis/contracts/subjects";
import { callJson } from "./client.ts";
import { type Operator, type OperatorAuth, operatorAuth } from "./operator.ts";

/** What an organisation's auditor is about to read of one of its tenants. */
export interface OrgRead {
  readonly operator: Operator;
  /** The header that the operator came with. */
  readonly authorization: string;
  readonly tenant: string;
  /** In a word or two: "agents", "ledger entries". */
  readonly what: string;
}

/**
 * Lets the read happen, once there is an event of it that cannot be lost.
 *
 * @throws AegisError `permission_denied` when the tenant is not of that organisation; `unavailable` when nobody can say.
 */
export type NoteOrgRead = (read: OrgRead) => Promise<void>;

/** Operators at the door of a service; token notes what org-auditors read there. */
export const operatorsOf = (
  { oidcIssuer, tokenUrl }: { readonly oidcIssuer: string; readonly tokenUrl?: string | undefined },
  service: ServiceName,
): OperatorAuth => operatorAuth({ issuer: oidcIssuer, orgReads: orgReadsAt(tokenUrl, service) });

/** Asks the token service, which knows the tenants of each organisation and keeps the event. Without its URL, nobody may read so. */
function orgReadsAt(tokenUrl: string | undefined, service: ServiceName): NoteOrgRead {
  return async ({ authorization, tenant, what }) => {
    if (tokenUrl === undefined)
      throw new AegisError("permission_denied", `${service} was not told where token is: it cannot note an org-auditor's reads`);
    await callJson(`${tokenUrl}/v1/org-reads`, { headers: { authorization }, json: { tenant, service, what }, timeoutMs: 5_000 });
  };
}
