import type { Database } from "@aegis/postgres/connect";
import type { Ports } from "#usecases/ports.ts";
import { refusingJournaled } from "#usecases/refuse-journaled.ts";
import type { Journal } from "#usecases/stop-ports.ts";
import { agentStore } from "./agent-store.ts";
import { eventWriter } from "./events.ts";
import { grantStore } from "./grant-store.ts";
import { issuerStore } from "./issuer-store.ts";
import { orgStore } from "./org-store.ts";
import { proofStore } from "./proof-store.ts";
import { proposalStore } from "./proposal-store.ts";
import { registrationTokenStore } from "./registration-token-store.ts";
import { revocationStore } from "./revocation-store.ts";
import type { Tables } from "./tables.ts";
import { templateStore } from "./template-store.ts";

/** What this service keeps in Postgres, with events in the name of `instance`. */
export function stores(
  db: Database<Tables>,
  { instance, journal, internalHosts }: { instance: string; journal: Journal; internalHosts: readonly string[] },
): Pick<Ports, "agents" | "grants" | "issuers" | "proofs" | "proposals" | "registrationTokens" | "revocations" | "templates" | "orgs"> {
  const events = eventWriter(instance);
  return {
    agents: agentStore(db, events),
    grants: refusingJournaled(grantStore(db, events), journal),
    issuers: issuerStore(db, { internalHosts }),
    proofs: proofStore(db),
    proposals: proposalStore(db),
    registrationTokens: registrationTokenStore(db, events),
    revocations: revocationStore(db),
    templates: templateStore(db),
    orgs: orgStore(db, events),
  };
}
