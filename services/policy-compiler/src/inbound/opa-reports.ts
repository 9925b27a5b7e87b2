import { z } from "zod";
import type { OpaDecision, OpaInstance } from "#domain/opa.ts";

/** One line that every table takes; what is longer is cut. */
const line = (limit: number) =>
  z.string().transform((text) =>
    text
      .replace(/\p{Cc}+/gu, " ")
      .toWellFormed()
      .slice(0, limit),
  );

const revisionText = z.string().transform((text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined));
const labels = z.looseObject({ id: line(100), version: line(100).optional(), tenant: z.string().optional() });

const bundle = z.looseObject({
  active_revision: revisionText.optional(),
  code: line(200).optional(),
  message: line(1_000).optional(),
  errors: z.array(z.looseObject({ message: line(1_000).optional() })).optional(),
});

/** OPA's status report (management-status). */
export const statusReport = z.looseObject({ labels, bundles: z.record(z.string(), bundle).default({}) });

/** The bundle of the tenant among those that an OPA has: by its name, or the only one. */
export function instanceOf(
  report: z.infer<typeof statusReport>,
  { tenant, by, at }: { tenant: string; by: string; at: number },
): OpaInstance {
  const named = Object.entries(report.bundles);
  const found =
    named.find(([name]) => name === tenant || name.endsWith(`bundles/${tenant}.tar.gz`)) ?? (named.length === 1 ? named[0] : undefined);
  const state = found?.[1];
  const details = state?.errors?.map(({ message }) => message).filter((text) => text !== undefined) ?? [];
  const error = state?.message === undefined ? undefined : [state.message, ...details].join("; ").slice(0, 1_000);
  const { id: instance, version = "" } = report.labels;
  return { instance, reportedBy: by, version, revision: state?.active_revision, error, reportedAt: at };
}

const name = line(200).optional().catch(undefined);
const input = z
  .looseObject({
    principal: z
      .looseObject({ tenant: z.string().optional().catch(undefined), agent: name })
      .optional()
      .catch(undefined),
    tool: name,
    action: name,
  })
  .optional()
  .catch(undefined);
const result = z
  .looseObject({
    decision: line(40).optional().catch(undefined),
    reasons: z
      .array(z.looseObject({ code: line(100) }))
      .max(1_000)
      .catch([]),
  })
  .optional()
  .catch(undefined);

/** One event of OPA's decision log (management-decision-logs). */
const decisionEntry = z.looseObject({
  labels,
  decision_id: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/),
  timestamp: z.iso.datetime({ offset: true }),
  path: line(200).default(""),
  bundles: z.record(z.string(), z.looseObject({ revision: revisionText.optional() })).default({}),
  input,
  result,
});

/** What an entry says, without arguments; undefined when it is none, or is of a call in another tenant. */
export function decisionOf(entry: unknown, tenant: string): OpaDecision | undefined {
  const parsed = decisionEntry.safeParse(entry);
  if (!parsed.success) return undefined;
  const { data } = parsed;
  const claimed = data.input?.principal?.tenant;
  if (claimed !== undefined && claimed !== tenant) return undefined;
  const revisions = Object.values(data.bundles).map(({ revision }) => revision);
  return {
    decisionId: data.decision_id,
    instance: data.labels.id,
    path: data.path,
    agent: data.input?.principal?.agent,
    tool: data.input?.tool,
    action: data.input?.action,
    decision: data.result?.decision,
    reasons: data.result?.reasons.map(({ code }) => code) ?? [],
    revision: revisions.length === 1 ? revisions[0] : undefined,
    decidedAt: Date.parse(data.timestamp),
  };
}
