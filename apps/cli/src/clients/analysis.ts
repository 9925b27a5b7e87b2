import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { AegisError, type ErrorCode } from "@aegis/contracts/errors";
import type { DriftReport } from "@aegis/policy/analysis/drift";
import type { Learned } from "@aegis/policy/analysis/learn";
import type { ReplayReport } from "@aegis/policy/analysis/replay";
import type { PolicyFile } from "@aegis/policy/compile";
import type { Fault } from "@aegis/policy/fault";
import type { Context } from "../context.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { type Control, control, query } from "./control.ts";
import { PoliciesInvalid } from "./policies.ts";

/** The last `days`, or from `since` until `until`; RFC 3339. */
export interface Span {
  days?: number | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

export interface ReplayAsked extends Span {
  files?: readonly PolicyFile[] | undefined;
  agent?: string | undefined;
  examples?: number | undefined;
  asEnforced?: boolean | undefined;
}

export interface LearnAsked extends Span {
  agent: string;
  leastCalls?: number | undefined;
  mostBytes?: number | undefined;
  dryRuns?: boolean | undefined;
  limits?: boolean | undefined;
}

const longestMs = 60 * 60_000;

/** Decides recorded decisions again by a draft, or by the newest revision. @throws PoliciesInvalid. */
export const replayDecisions = (context: Context, tenant: string, asked: ReplayAsked): Promise<ReplayReport> =>
  analyse(context, tenant, "replay", asked);

export const learnPolicy = (context: Context, tenant: string, asked: LearnAsked): Promise<Learned> =>
  analyse(context, tenant, "learn", asked);

/** What policies grant against what was done; with `publish`, an event tells the fabric. */
export async function policyDrift(context: Context, tenant: string, days: number, publish: boolean): Promise<DriftReport> {
  const service = await control(context, "policy-compiler", { role: "policy-author", tenant });
  const path = `/v1/tenants/${tenant}/drift`;
  return publish
    ? service.json(path, { json: { days }, timeoutMs: longestMs })
    : service.json(`${path}${query({ days })}`, { timeoutMs: longestMs });
}

/** The files of the newest revision. */
export async function activeFiles(context: Context, tenant: string): Promise<PolicyFile[]> {
  const service = await control(context, "policy-compiler", { role: "policy-author", tenant });
  const { head } = await service.json<{ head: number | null }>(`/v1/tenants/${tenant}/revisions?limit=1`);
  if (head === null) throw new Failure(`${tenant} has no revision yet: name a draft with --policy`);
  return (await service.json<{ files: PolicyFile[] }>(`/v1/tenants/${tenant}/revisions/${head}`)).files;
}

async function analyse<T>(context: Context, tenant: string, what: "replay" | "learn", asked: object): Promise<T> {
  const service = await control(context, "policy-compiler", { role: "policy-author", tenant });
  using progress = new Progress("recorded decisions read");
  const response = await begin(service, `/v1/tenants/${tenant}/policies:${what}`, asked);
  for await (const text of createInterface({ input: Readable.fromWeb(response.body as never) })) {
    const line = JSON.parse(text) as { progress?: { records: number }; result?: T; problem?: Problem };
    if (line.progress) progress.tell(line.progress.records);
    if (line.problem) throw problemFailure(line.problem);
    if (line.result !== undefined) return line.result;
  }
  throw new Failure("policy-compiler ended before it had a result: its log says more (./aegis status shows the fabric)");
}

interface Problem {
  code: ErrorCode;
  detail: string;
  faults?: Fault[];
}

function problemFailure({ code, detail, faults }: Problem): Failure {
  if (code === "unprocessable" && faults !== undefined) return new PoliciesInvalid(faults);
  return new Failure(`policy-compiler: ${detail}`, { code });
}

async function begin(service: Control, path: string, asked: object): Promise<Response> {
  try {
    return await service.raw(path, { json: asked, headers: { accept: "application/x-ndjson" }, timeoutMs: longestMs });
  } catch (caught) {
    const cause = caught instanceof Failure ? caught.cause : undefined;
    if (cause instanceof AegisError && cause.code === "unprocessable" && Array.isArray(cause.details?.faults))
      throw new PoliciesInvalid(cause.details.faults as Fault[]);
    throw caught;
  }
}
