import { digest, tenantName } from "@aegis/contracts/names";
import { z } from "zod";
import { type Revision, revisionStates, stateOf } from "#domain/revision.ts";

/** Text that every part of the fabric can keep: well-formed, and without NUL, which PostgreSQL does not take. */
const text = (limit: number) =>
  z
    .string()
    .max(limit)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), "must be well-formed Unicode without NUL");

const fileName = text(255).refine((value) => value !== "" && !/\p{Cc}/u.test(value), "must be a file name");

export const message = text(2_000).default("");

/** A tenant's whole set. */
export const files = z
  .array(z.strictObject({ name: fileName, text: text(4 * 1024 * 1024) }))
  .min(1)
  .max(1_000)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "file names must differ");

export const tenantParams = z.object({ tenant: tenantName });

export const fault = z.object({
  file: z.string(),
  line: z.int(),
  column: z.int(),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
});

export const revisionView = z.object({
  tenant: tenantName,
  revision: z.int(),
  version: z.string(),
  digest,
  state: z.enum(revisionStates),
  author: z.string(),
  message: z.string(),
  createdAt: z.iso.datetime(),
  /** The head it was made on. */
  follows: z.int().optional(),
  /** The second person, where one is asked for. */
  approver: z.string().optional(),
  approvedAt: z.iso.datetime().optional(),
  publishedAt: z.iso.datetime().optional(),
  /** When the first replica enforced it. */
  activatedAt: z.iso.datetime().optional(),
  restores: z.int().optional(),
  promotes: z.array(z.string()).optional(),
  /** How the replicas were told to switch together, in the answer to what asked for it. */
  barrier: z
    .object({ prepared: z.int(), live: z.int(), milliseconds: z.number(), late: z.array(z.string()), skew: z.number().optional() })
    .optional(),
});

/** How a revision is shown; `head` is the tenant's present revision. */
export function viewOf(revision: Revision, head: number): z.infer<typeof revisionView> {
  const { tenant, version, digest, author, message, createdAt, follows, approver, restores, promotes } = revision;
  const time = (name: "approvedAt" | "publishedAt" | "activatedAt") => {
    const at = revision[name];
    return at === undefined ? {} : { [name]: new Date(at).toISOString() };
  };
  return {
    ...{ tenant, revision: revision.revision, version, digest, state: stateOf(revision, head), author, message },
    createdAt: new Date(createdAt).toISOString(),
    ...(follows === undefined ? {} : { follows }),
    ...(approver === undefined ? {} : { approver }),
    ...time("approvedAt"),
    ...time("publishedAt"),
    ...time("activatedAt"),
    ...(restores === undefined ? {} : { restores }),
    ...(promotes === undefined ? {} : { promotes: [...promotes] }),
  };
}
