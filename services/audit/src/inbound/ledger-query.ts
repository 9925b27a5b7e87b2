import { tenantName } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { Operator } from "@aegis/http/operator";
import { z } from "zod";
import type { Personal } from "#usecases/show-events.ts";

/** Who may read a ledger. */
export const readers = ["auditor", "admin", "soc"] as const satisfies readonly OperatorRole[];

/** Who may see what is sealed in it. */
const personalReaders = ["auditor", "admin"] as const satisfies readonly OperatorRole[];

/** Whether what is sealed is to be shown. */
export const personalQuery = z.enum(["withheld", "shown"]).default("withheld");

/** @throws AegisError `permission_denied` when it is to be shown and this person may not see it. */
export function personalFor(operator: Operator, tenant: string, asked: z.infer<typeof personalQuery>): Personal {
  if (asked === "withheld") return { kind: "withheld" };
  operator.require(tenant, ...personalReaders);
  return { kind: "shown", to: operator.user };
}

/** RFC 3339, with any offset. */
export const instantText = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** `next` of the page before. */
export const cursor = z.coerce.number().int().min(0);

const value = z.string().min(1).max(512);

/** What entries are searched by. */
export const entriesQuery = z.object({
  tenant: tenantName,
  kind: z.enum(["decision", "outcome", "control", "quarantine", "all"]).default("decision"),
  agent: value.optional(),
  tool: value.optional(),
  action: value.optional(),
  decision: value.optional(),
  id: value.optional(),
  /** A reason's code. */
  reason: value.optional(),
  policyVersion: value.optional(),
  /** The action digest. */
  digest: value.optional(),
  prompt: value.optional(),
  session: value.optional(),
  /** Of which kind whatsoever: what is about this decision or approval. */
  about: value.transform((id) => [id]).optional(),
  /** When it occurred: from, and before. */
  from: instantText.optional(),
  to: instantText.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: cursor.optional(),
  personal: personalQuery,
});
