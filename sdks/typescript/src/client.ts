import { AuthorizationService, CheckRequestSchema, Outcome } from "@aegis/contracts/aegis/authz/v1/authz";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { create, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, credentials, type ServiceError } from "@grpc/grpc-js";
import type { TokenSource } from "./credentials.ts";
import { AegisRefusal, describe } from "./refusal.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** One tool call, before it happens. */
export interface ToolCall {
  readonly tool: string;
  readonly action: string;
  /** One JSON object. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly destination?: { readonly url: string; readonly method?: string };
  readonly context?: {
    readonly sessionId?: string;
    readonly promptId?: string;
    readonly purpose?: string;
    readonly reasoning?: string;
    readonly planId?: string;
    readonly replanOf?: string;
    readonly toolCallId?: string;
  };
  readonly estimate?: Spending;
  /** Idempotency key. */
  readonly requestId?: string;
}

/** What a call costs, in US dollars or another currency; money in millionths of its unit. */
export interface Spending {
  readonly microUsd?: bigint;
  /** Instead of `microUsd`: a code of ISO 4217, as EUR, for which the tenant's policies declare a rate. */
  readonly currency?: string;
  readonly micro?: bigint;
  readonly tokens?: bigint;
}

const costOf = ({ microUsd = 0n, tokens = 0n, currency = "", micro = 0n }: Spending) => ({ microUsd, tokens, currency, micro });

export interface ClientOptions {
  /** host:port of authz. */
  readonly authz: string;
  /** Base URL of approvals; needed to wait for a human. */
  readonly approvals?: string;
  readonly token: TokenSource;
  /** How long one check may take before it counts as refused; default 2000. */
  readonly deadlineMs?: number;
  /** Default: plaintext, for a sidecar or loopback. */
  readonly channel?: ChannelCredentials;
  /** Obligations this program fulfils; any other keeps a call from being executed. */
  readonly obligations?: readonly string[];
}

export interface GuardOptions {
  /** How long to wait for a human when approval is needed; 0 (the default) refuses at once. */
  readonly approvalTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a human decided: only `approved` carries an override. */
export type ApprovalOutcome =
  | { readonly state: "approved"; readonly overrideToken: string }
  | { readonly state: "denied" | "expired" | "cancelled" | "redeemed" | "pending"; readonly decidedBy: readonly string[] };

/** A thin client of the decision point. It never turns a failure into a permission. */
export interface AegisClient extends Disposable {
  /** Asks before a call. @throws when no answer can be had: then do not execute. */
  check(call: ToolCall, options?: { overrideToken?: string; dryRun?: boolean }): Promise<Verdict>;
  /** Waits until a human has decided, or until the time is over (`pending`). */
  waitForApproval(id: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<ApprovalOutcome>;
  /** Says what became of an allowed call. */
  reportOutcome(decisionId: string, outcome: "executed" | "failed" | "rolled_back", details?: Spending & { error?: string }): Promise<void>;
  /**
   * Checks, executes with the arguments that may be sent, and reports the outcome.
   *
   * @throws AegisRefusal when the call must not be executed; whatever `execute` throws otherwise.
   */
  guard<T>(call: ToolCall, execute: (args: Readonly<Record<string, unknown>>) => Promise<T>, options?: GuardOptions): Promise<T>;
}

export function createAegisClient(options: ClientOptions): AegisClient {
  const channel = new Client(options.authz, options.channel ?? credentials.createInsecure());
  const deadlineMs = options.deadlineMs ?? 2_000;
  const known = new Set(options.obligations);

  function unary<M extends DescMethodUnary>(method: M, request: MessageInitShape<M["input"]>): Promise<MessageShape<M["output"]>> {
    const { promise, resolve, reject } = Promise.withResolvers<MessageShape<M["output"]>>();
    channel.makeUnaryRequest(
      `/${AuthorizationService.typeName}/${method.name}`,
      (value: MessageShape<M["input"]>) => Buffer.from(toBinary(method.input, value)),
      (bytes: Buffer) => fromBinary(method.output, bytes) as MessageShape<M["output"]>,
      create(method.input, request) as MessageShape<M["input"]>,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, answer) => (error || answer === undefined ? reject(error) : resolve(answer)),
    );
    return promise;
  }

  const client: AegisClient = {
    [Symbol.dispose]: () => channel.close(),

    async check(call, { overrideToken = "", dryRun = false } = {}) {
      const { arguments: args, ...rest } = call;
      const request = create(CheckRequestSchema, {
        agentToken: await options.token(),
        tool: call.tool,
        action: call.action,
        args: { case: "argumentsJson", value: new TextEncoder().encode(JSON.stringify(args)) },
        overrideToken,
        dryRun,
        requestId: call.requestId ?? "",
        ...(rest.destination ? { destination: rest.destination } : {}),
        ...(rest.context ? { context: rest.context } : {}),
        ...(rest.estimate ? { estimate: costOf(rest.estimate) } : {}),
      });
      return verdictOf(await unary(AuthorizationService.method.check, request));
    },

    async waitForApproval(id, { timeoutMs, signal }) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const seen = await approvalCall<{ state: string; decidedBy?: string[] }>(
          "GET",
          `${id}/wait`,
          Math.max(1, until - Date.now()),
          signal,
        );
        if (seen.state === "approved") {
          const { override_token } = await approvalCall<{ override_token: string }>("POST", `${id}/override`, 10_000, signal);
          return { state: "approved", overrideToken: override_token };
        }
        const state = seen.state as Exclude<ApprovalOutcome["state"], "approved">;
        if (state !== "pending" || Date.now() >= until) return { state, decidedBy: seen.decidedBy ?? [] };
      }
    },

    async reportOutcome(decisionId, outcome, details = {}) {
      await unary(AuthorizationService.method.reportOutcome, {
        agentToken: await options.token(),
        decisionId,
        outcome: { executed: Outcome.EXECUTED, failed: Outcome.FAILED, rolled_back: Outcome.ROLLED_BACK }[outcome],
        error: details.error ?? "",
        ...(details.microUsd === undefined && details.tokens === undefined && details.micro === undefined
          ? {}
          : { actual: costOf(details) }),
      });
    },

    async guard(call, execute, guardOptions = {}) {
      const verdict = await permitted(call, guardOptions);
      let result: Awaited<ReturnType<typeof execute>>;
      try {
        result = await execute(verdict.arguments ?? call.arguments);
      } catch (error) {
        await client
          .reportOutcome(verdict.decisionId, "failed", { error: error instanceof Error ? error.message : String(error) })
          .catch(ignore);
        throw error;
      }
      // The call has happened: a report that fails must not make it look as if it had not.
      await client.reportOutcome(verdict.decisionId, "executed").catch(ignore);
      return result;
    },
  };

  /** The answer under which `call` may be executed. @throws AegisRefusal */
  async function permitted(call: ToolCall, { approvalTimeoutMs = 0, signal }: GuardOptions): Promise<Verdict> {
    let verdict = await ask(() => client.check(call));
    if (verdict.decision === "approval_needed" && verdict.approval !== undefined && approvalTimeoutMs > 0) {
      const { id } = verdict.approval;
      const outcome = await ask(() => client.waitForApproval(id, { timeoutMs: approvalTimeoutMs, ...(signal ? { signal } : {}) }));
      if (outcome.state === "denied")
        throw new AegisRefusal("approval_denied", `denied by ${outcome.decidedBy.join(", ") || "an approver"}`, { verdict });
      if (outcome.state === "expired") throw new AegisRefusal("approval_expired", "nobody decided in time", { verdict });
      if (outcome.state === "approved") {
        const { overrideToken } = outcome;
        verdict = await ask(() => client.check(call, { overrideToken }));
      }
    }
    if (verdict.decision === "approval_needed") throw new AegisRefusal("approval_pending", describe(verdict), { verdict });
    if (verdict.decision === "deny") throw new AegisRefusal("denied", describe(verdict), { verdict });
    const strange = verdict.obligations.filter((name) => !known.has(name));
    if (strange.length > 0)
      throw new AegisRefusal("obligation_unknown", `this program does not know the obligation ${strange.join(", ")}`, { verdict });
    return verdict;
  }

  async function approvalCall<T>(method: string, path: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<T> {
    if (options.approvals === undefined) throw new Error("waiting for an approval needs the `approvals` URL");
    const timeout = AbortSignal.timeout(Math.min(timeoutMs + 1_000, 65_000));
    const response = await fetch(`${options.approvals}/v1/approvals/${path}`, {
      method,
      redirect: "error",
      headers: { authorization: `Bearer ${await options.token()}`, "x-aegis-wait-ms": String(Math.min(timeoutMs, 30_000)) },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (!response.ok) throw new Error(`approvals answered ${response.status}`);
    return (await response.json()) as T;
  }

  return client;
}

/** No answer is a refusal. */
async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (cause) {
    throw new AegisRefusal(
      "unavailable",
      `not executed: no decision could be had (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause },
    );
  }
}

const ignore = () => undefined;
