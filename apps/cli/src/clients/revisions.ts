import type { PolicyFile } from "@aegis/policy/compile";
import type { Change } from "@aegis/policy/difference";
import type { Context } from "../context.ts";
import { control, query } from "./control.ts";
import { explainedRefusal } from "./policies.ts";

/** A revision as the registry shows it. */
export interface RevisionView {
  tenant: string;
  revision: number;
  version: string;
  digest: string;
  state: string;
  author: string;
  message: string;
  createdAt: string;
  follows?: number;
  approver?: string;
  approvedAt?: string;
  publishedAt?: string;
  activatedAt?: string;
  restores?: number;
  promotes?: string[];
}

const registry = (context: Context, tenant: string) => control(context, "policy-compiler", { role: "auditor", tenant });

/** Newest first, at most so many; `head` is the one in force. */
export async function listRevisions(
  context: Context,
  tenant: string,
  atMost: number,
): Promise<{ head: number | null; revisions: RevisionView[] }> {
  const service = await registry(context, tenant);
  const revisions: RevisionView[] = [];
  for (let cursor: number | undefined; ; ) {
    const limit = Math.min(500, atMost - revisions.length);
    const page = await service.json<{ head: number | null; revisions: RevisionView[]; next?: number }>(
      `/v1/tenants/${tenant}/revisions${query({ limit, cursor })}`,
    );
    revisions.push(...page.revisions);
    if (page.next === undefined || revisions.length >= atMost) return { head: page.head, revisions };
    cursor = page.next;
  }
}

export async function showRevision(context: Context, tenant: string, revision: number): Promise<RevisionView & { files: PolicyFile[] }> {
  return (await registry(context, tenant)).json(`/v1/tenants/${tenant}/revisions/${revision}`);
}

/** What changes, in the terms of decisions, and as people read it. */
export interface Compared {
  from: number;
  to?: number;
  changes: Change[];
  summary: string;
  text: string;
}

/** Compares two revisions, or one (the head) and a draft. @throws PoliciesInvalid. */
export async function comparePolicies(
  context: Context,
  tenant: string,
  asked: { files?: readonly PolicyFile[] | undefined; from?: number | undefined; to?: number | undefined },
): Promise<Compared> {
  const service = await registry(context, tenant);
  return explainedRefusal(service.json(`/v1/tenants/${tenant}/revisions:diff`, { json: asked, timeoutMs: 60_000 }));
}

/** What a promotion would publish. */
export interface PromotionPlan {
  head: number;
  version: string;
  files: PolicyFile[];
  changes: Change[];
}

export async function planPromotion(context: Context, tenant: string, policies: readonly string[], user?: string): Promise<PromotionPlan> {
  const service = await control(context, "policy-compiler", { role: "policy-author", tenant, user });
  return service.json(`/v1/tenants/${tenant}/policies:promote`, { json: { policies, dryRun: true } });
}
