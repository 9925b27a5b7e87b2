import { tenantName } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import { z } from "zod";

/** Who may read a ledger. */
export const readers = ["auditor", "admin", "soc"] as const satisfies readonly OperatorRole[];

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
});
