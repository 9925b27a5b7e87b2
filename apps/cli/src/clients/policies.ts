import { AegisError } from "@aegis/contracts/errors";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { PolicyFile } from "@aegis/policy/compile";
import type { Fault } from "@aegis/policy/fault";
import type { CaseResult } from "@aegis/policy/run-tests";
import type { Context } from "../context.ts";
import { exit, Failure } from "../failure.ts";
import { type Control, control } from "./control.ts";

/** A revision as it stands after publishing. */
export interface Published {
  tenant: string;
  revision: number;
  version: string;
  digest: string;
  /** `proposed`: it takes effect when another person approves it. */
  state: string;
  /** Live replicas that enforce it, out of `replicas`; both 0 when nobody waited. */
  enforcedOn: number;
  replicas: number;
  /** From the request until the last replica enforced it, or until it was stored when nobody waited. */
  ms: number;
  /** How the replicas switched together, when that was asked for. */
  barrier?: Barrier;
}

/** How a barrier went. */
interface Barrier {
  /** Replicas that were ready at the word, of those that live. */
  prepared: number;
  live: number;
  /** Until the word was given. */
  milliseconds: number;
  late: string[];
  /** Milliseconds between the first and the last switch, once all said when. */
  skew?: number;
}

/** A tenant's whole set was refused: everything that is wrong with it. */
export class PoliciesInvalid extends Failure {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(`${faults.length} ${faults.length === 1 ? "fault" : "faults"} in the policies`, {
      exitCode: exit.policyInvalid,
      code: "unprocessable",
    });
    this.faults = faults;
  }
}

/** A tenant's whole set was refused: tests in it fail. */
export class TestsFailed extends Failure {
  readonly cases: readonly CaseResult[];

  constructor(sentence: string, cases: readonly CaseResult[]) {
    super(sentence, { exitCode: exit.policyTests, code: "unprocessable" });
    this.cases = cases;
  }
}

export interface PublishRequest {
  tenant: string;
  /** The tenant's whole set. */
  files: readonly PolicyFile[];
  message?: string | undefined;
  /** The revision that must still be the head. */
  ifRevision?: number | undefined;
  user?: string | undefined;
  wait: boolean;
  /** Replicas prepare it first and switch together. */
  barrier?: boolean;
  timeoutMs?: number;
}

/**
 * Publishes the next revision; with `wait`, returns once every live replica of authz enforces it.
 * @throws PoliciesInvalid, TestsFailed.
 */
export async function publishPolicies(context: Context, request: PublishRequest): Promise<Published> {
  const { files, message, ifRevision, barrier } = request;
  return writeRevision(context, {
    ...request,
    path: "revisions",
    body: { files, ...(barrier === true ? { barrier } : {}), message: message ?? "" },
    ifRevision,
  });
}

/** What makes a revision, or brings one into force. */
export interface RevisionRequest {
  tenant: string;
  /** Below the tenant: `revisions`, `revisions/3:approve`, … */
  path: string;
  body: object;
  role?: OperatorRole;
  user?: string | undefined;
  ifRevision?: number | undefined;
  wait: boolean;
  timeoutMs?: number | undefined;
}

/** Makes a revision; with `wait`, returns once every live replica enforces it, unless it waits for a second person. */
export async function writeRevision(context: Context, request: RevisionRequest): Promise<Published> {
  const { tenant, path, body, role = "policy-author", user, ifRevision, wait, timeoutMs = 30_000 } = request;
  const service = await control(context, "policy-compiler", { role, tenant, user });
  const begun = performance.now();
  const headers = ifRevision === undefined ? {} : { headers: { "if-match": `"${ifRevision}"` } };
  const stored = await explainedRefusal(
    service.json<Revision>(`/v1/tenants/${tenant}/${path}`, { json: body, ...headers, timeoutMs: 60_000 }),
  );
  const inForce = stored.state !== "proposed" && stored.state !== "stale";
  const activation = wait && inForce ? await enforced(service, tenant, stored.revision, timeoutMs) : { enforcedOn: 0, live: 0 };
  const { revision, version, digest, state, barrier } = stored;
  return {
    ...{ tenant, revision, version, digest, state },
    enforcedOn: activation.enforcedOn,
    replicas: activation.live,
    ms: Math.round(performance.now() - begun),
    ...(barrier === undefined ? {} : { barrier }),
  };
}

interface Revision {
  revision: number;
  version: string;
  digest: string;
  state: string;
  barrier?: Barrier;
}

/** Faults and failed tests as what they are. @throws PoliciesInvalid, TestsFailed. */
export async function explainedRefusal<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (caught) {
    if (!(caught instanceof Failure) || caught.code !== "unprocessable" || !(caught.cause instanceof AegisError)) throw caught;
    const { message, details } = caught.cause;
    if (Array.isArray(details?.faults)) throw new PoliciesInvalid(details.faults as Fault[]);
    if (Array.isArray(details?.tests)) throw new TestsFailed(message, details.tests as CaseResult[]);
    throw caught;
  }
}

interface Activations {
  enforcedOn: number;
  live: number;
  replicas: { replica: string; enforced: boolean }[];
}

async function enforced(service: Control, tenant: string, revision: number, timeoutMs: number): Promise<Activations> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    // The answer comes when all of them enforce it; below the time after which proxies give a silent connection up.
    const wait = Math.min(Math.max(0, until - Date.now()), 20_000) / 1_000;
    const state = await service.json<Activations>(`/v1/tenants/${tenant}/activations/${revision}?wait=${wait}`);
    if (state.live > 0 && state.enforcedOn === state.live) return state;
    if (Date.now() > until) {
      const behind = state.replicas.filter((one) => !one.enforced).map((one) => one.replica);
      throw new Failure(
        `revision ${revision} is published but after ${timeoutMs / 1000} s ${state.live === 0 ? "no replica of authz reports in" : `${behind.join(", ")} did not enforce it`}: ./aegis status shows the fabric`,
      );
    }
  }
}

/** Who enforces what of a tenant. */
export interface PolicyStatus {
  tenant: string;
  head: { revision: number; version: string; state: string; author: string; publishedAt?: string } | null;
  replicas: { replica: string; revision: number; enforced: boolean; prepared?: number; activatedAt?: string; refused?: string }[];
  skewMs?: number;
  opas: { instance: string; version: string; revision: number | null; current: boolean; error?: string; reportedAt: string }[];
  opaDecisions: Record<string, number>;
}

export async function policyStatus(context: Context, tenant: string): Promise<PolicyStatus> {
  const service = await control(context, "policy-compiler", { role: "auditor", tenant });
  return service.json<PolicyStatus>(`/v1/tenants/${tenant}/policies:status`);
}
