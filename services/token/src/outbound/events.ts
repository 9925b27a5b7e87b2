import type * as control from "@aegis/contracts/control-events";
import { type SubjectName, subject } from "@aegis/contracts/subjects";
import { outbox } from "@aegis/postgres/outbox";
import { currentTraceparent } from "@aegis/telemetry/trace";
import type { Transaction } from "kysely";
import { v7 } from "uuid";
import type { z } from "zod";
import type { Tables } from "./tables.ts";

/** The events of this service, by their row in the table of subjects. */
interface IdentityEvents {
  agentRegistered: typeof control.agentRegistered;
  agentSuspended: typeof control.agentSuspended;
  agentActivated: typeof control.agentActivated;
  agentResumed: typeof control.agentResumed;
  agentRetired: typeof control.agentRetired;
  ownerRevoked: typeof control.ownerRevoked;
  tenantRevoked: typeof control.tenantRevoked;
  fingerprintApproved: typeof control.fingerprintApproved;
  agentRescoped: typeof control.agentRescoped;
  agentRevoked: typeof control.agentRevoked;
  orgAssigned: typeof control.orgAssigned;
  orgRead: typeof control.orgRead;
  tokenIssued: typeof control.tokenIssued;
  tokenDelegated: typeof control.tokenDelegated;
  tokenRevoked: typeof control.tokenRevoked;
}

type Named = keyof IdentityEvents & SubjectName;

const verbs: Readonly<Record<Named, string>> = {
  agentRegistered: "registered",
  agentSuspended: "suspended",
  agentActivated: "activated",
  agentResumed: "resumed",
  agentRetired: "retired",
  ownerRevoked: "owner_revoked",
  tenantRevoked: "tenant_revoked",
  fingerprintApproved: "fingerprint_approved",
  agentRescoped: "rescoped",
  agentRevoked: "revoked",
  orgAssigned: "org_assigned",
  orgRead: "org_read",
  tokenIssued: "issued",
  tokenDelegated: "delegated",
  tokenRevoked: "token_revoked",
};

/** Puts an event into the outbox of the transaction that causes it. `at` is in milliseconds since the epoch. */
export type EventWriter = <N extends Named>(
  trx: Transaction<Tables>,
  name: N,
  tenant: string,
  at: number,
  data: z.infer<IdentityEvents[N]>["data"],
) => Promise<void>;

export function eventWriter(instance: string): EventWriter {
  return (trx, name, tenant, at, data) => {
    const traceparent = currentTraceparent();
    const event = {
      specversion: "1.0",
      id: v7(),
      source: `aegis/token/${instance}`,
      type: `dev.aegis.identity.${verbs[name]}.v1`,
      time: new Date(at).toISOString(),
      datacontenttype: "application/json",
      tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
      data,
    };
    return outbox(trx).add(subject(name, { tenant }), event);
  };
}
