import { randomBytes } from "node:crypto";
import { CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { type DecisionEvent, decisionEvent } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { type OutcomeEvent, outcomeEvent } from "@aegis/contracts/outcome-event";
import type { AgentClaims } from "@aegis/identity/claims";
import { compile } from "@aegis/policy/compile";
import type { Charge } from "@aegis/policy/input";
import { prepare } from "@aegis/policy/snapshot";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Breakers } from "#domain/breakers.ts";
import { FailedCalls, type MadeCall } from "#domain/failed-calls.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import { Revocations } from "#domain/revocations.ts";
import type { SessionState } from "#domain/session.ts";
import { type Row, Streaks } from "#domain/streaks.ts";
import { authenticateAgent } from "#usecases/authenticate.ts";
import { checkCall } from "#usecases/check.ts";
import { checkResult } from "#usecases/check-result.ts";
import type {
  Approvals,
  Budget,
  EventLog,
  GrantUse,
  HeldCall,
  OtherReplicas,
  Probes,
  Proofs,
  Rates,
  Redemption,
  Reserved,
  Sessions,
  SubjectKeys,
} from "#usecases/ports.ts";
import { recentDecisions } from "#usecases/recent-decisions.ts";
import { reportOutcome } from "#usecases/report-outcome.ts";
import type { Caller } from "#usecases/work.ts";

const start = new Date("2026-01-02T03:04:05.000Z");

/** Claims of finance-agent's own token, changed as told. */
const claimsOf = (change: Partial<AgentClaims> = {}): AgentClaims => ({
  iss: "https://token.test",
  aud: "aegis",
  exp: 2_000_000_000,
  iat: Math.floor(start.getTime() / 1000),
  jti: "token-0001",
  org: "acme",
  tenant: "acme",
  client_id: "finance-agent",
  sub: "finance-agent",
  depth: 0,
  instance: "one",
  scope: "stripe-payments:* mail:*",
  ...change,
});

/** A tenant's policies in force, from their text. */
export function activePolicy(text: string, tenant = "acme", revision = 1): ActivePolicy {
  const compiled = compile([{ name: "policy.yaml", text }], { tenant });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  const digest = `sha256:${"0".repeat(64)}` as const;
  const snapshot = prepare({ tenant, revision, version: `${revision}-000000000000`, digest, policies: compiled.policies });
  const issued = start.getTime() / 1000;
  return { snapshot, head: { tenant, revision, version: snapshot.version, digest, object: "o", issued, expires: issued + 3600 } };
}

/** An event log in memory that takes only what the contract's schema takes. */
export class MemoryLog implements EventLog {
  readonly source = "aegis/authz/authz-0";
  readonly events: { subject: string; tier: string; event: DecisionEvent | OutcomeEvent }[] = [];
  now: ReturnType<EventLog["state"]> = "ok";
  fails = false;
  connected = true;
  stores = true;
  /** Appends wait for it. */
  gate: Promise<void> | undefined;

  state() {
    return this.now;
  }

  publishing() {
    return this.connected;
  }

  async acknowledged() {
    return this.stores;
  }

  async append({ subject, make }: Parameters<EventLog["append"]>[0], tier: string): Promise<void> {
    const event = JSON.parse(JSON.stringify(make({ id: "authz-0", epoch: "e", sequence: this.events.length + 1 })));
    await this.gate;
    if (this.fails) throw new AegisError("unavailable", "the event spool is dead");
    const parsed = subject.startsWith("aegis.decision.") ? decisionEvent.parse(event) : outcomeEvent.parse(event);
    this.events.push({ subject, tier, event: parsed });
  }

  last(): DecisionEvent {
    return this.events.at(-1)?.event as DecisionEvent;
  }
}

/** A key for each person, the same each time. */
class MemorySubjectKeys implements SubjectKeys {
  away = false;
  readonly keys = new Map<string, { id: string; secret: Uint8Array }>();

  async keyOf(tenant: string, subject: string) {
    if (this.away) return undefined;
    const name = `${tenant} ${subject}`;
    const key = this.keys.get(name) ?? { id: `${String(this.keys.size).padStart(32, "0")}.1`, secret: randomBytes(32) };
    this.keys.set(name, key);
    return key;
  }
}

/** Counts what is reserved, spent and given back. */
class CountingBudget implements Budget {
  left = Number.POSITIVE_INFINITY;
  reserved = 0;
  committed = 0;
  returned = 0;

  /** What stands in the way of everything but `reservePastSoft`. */
  soft: "throttle" | "approval_needed" | undefined;

  reserve(_tenant: string, charges: readonly Charge[]): Reserved {
    const [charge] = charges;
    if (this.soft && charge) return { ok: false, message: "much is used", retryAfter: 9, soft: { action: this.soft, charge } };
    return this.#take(charges);
  }

  async reservePastSoft(_tenant: string, _decisionId: string, charges: readonly Charge[]) {
    return this.#take(charges);
  }

  #take(charges: readonly Charge[]): Reserved {
    if (this.left < 1) return { ok: false, message: "nothing is left", retryAfter: 7 };
    this.left -= 1;
    this.reserved += 1;
    const reservations = charges.map(({ scope, unit, window, units }) => ({ scope, unit, window, units, leaseId: "lease" }));
    return { ok: true, hold: { reservations, commit: () => void this.committed++, giveBack: () => void this.returned++ } };
  }

  view() {
    return [];
  }
}

/** Lets through as many calls as it has places. */
class CountingRates implements Rates {
  places = Number.POSITIVE_INFINITY;
  readonly asked: (readonly string[])[] = [];

  async admit(_tenant: string, scopes: readonly string[]) {
    this.asked.push(scopes);
    if (this.places < 1) return { message: "at most 1 in 60 s", retryAfter: 5 };
    this.places--;
    return { reservations: [], commit: () => undefined, giveBack: () => void this.places++ };
  }
}

/** Sessions in memory, as a bucket keeps them. */
export class MemorySessions implements Sessions {
  readonly kept = new Map<string, SessionState>();
  reachable = true;
  /** Called between reading and writing: what another replica does meanwhile. */
  meanwhile: (() => void) | undefined;

  async read(tenant: string, session: string): Promise<SessionState> {
    if (!this.reachable) throw new AegisError("unavailable", "NATS is not connected");
    return this.kept.get(`${tenant}/${session}`) ?? { facts: { labels: [], calls: [] }, revision: 0 };
  }

  async write(tenant: string, session: string, { facts, revision }: SessionState): Promise<boolean> {
    if (!this.reachable) throw new AegisError("unavailable", "NATS is not connected");
    this.meanwhile?.();
    const key = `${tenant}/${session}`;
    if ((this.kept.get(key)?.revision ?? 0) !== revision) return false;
    this.kept.set(key, { facts, revision: revision + 1 });
    return true;
  }
}

/** Redeems each known token once, for whatever it was asked. */
class OneTimeApprovals implements Approvals {
  readonly asked: Redemption[] = [];
  readonly good = new Set<string>();
  reachable = true;

  async redeem(redemption: Redemption) {
    this.asked.push(redemption);
    if (!this.reachable) return { ok: false as const, message: "the override cannot be redeemed now" };
    if (!this.good.delete(redemption.overrideToken)) return { ok: false as const, message: "the override token is not valid" };
    return { ok: true as const, approvalId: "01890a5d-ac96-774b-bcce-b302099a8057" };
  }

  /** A standing grant for every call under the rules it is asked about, as often as this says. */
  standing = 0;
  readonly held: HeldCall[] = [];
  readonly uses: GrantUse[] = [];
  /** Called between finding and using: what happens to the grant meanwhile. */
  meanwhile: (() => void) | undefined;

  async findGrant(call: HeldCall) {
    this.held.push(call);
    return this.standing > 0 && this.reachable ? "01890a5d-ac96-774b-bcce-b302099a8058" : undefined;
  }

  async useGrant(use: GrantUse) {
    this.meanwhile?.();
    if (this.standing < 1) return { ok: false as const, message: "the standing grant is spent" };
    this.standing--;
    this.uses.push(use);
    return { ok: true as const };
  }

  statusUrl = (id: string) => `http://approvals.test/v1/approvals/${id}`;
}

/** Lets through as many probes as it is told to. */
class CountedProbes implements Probes {
  readonly asked: { readonly scopes: readonly string[]; readonly decisionId: string }[] = [];
  readonly tripped: string[] = [];
  left = 0;

  trip(_tenant: string, agent: string, cause: string) {
    this.tripped.push(`${agent} ${cause}`);
  }

  async probe(_tenant: string, scopes: readonly string[], decisionId: string) {
    this.asked.push({ scopes, decisionId });
    return this.left-- > 0 ? { passes: true as const } : { passes: false as const, retryAfterMs: 2_500 };
  }
}

/** Remembers used proofs in memory. */
class UsedProofs implements Proofs {
  readonly origins = ["http://authz.test"];
  readonly #used = new Set<string>();
  reachable = true;

  async spend(id: string) {
    if (!this.reachable) return "unknown";
    if (this.#used.has(id)) return "used";
    this.#used.add(id);
    return "fresh";
  }
}

/** authz's use cases on ports that can be watched. */
export function given(options: { policy?: string; claims?: Partial<AgentClaims>; sessions?: MemorySessions } = {}) {
  const sessions = options.sessions ?? new MemorySessions();
  const clock = { time: start.getTime(), now: () => new Date(clock.time) };
  const log = new MemoryLog();
  const budget = new CountingBudget();
  const rates = new CountingRates();
  const [breakers, probes, streaks] = [new Breakers(), new CountedProbes(), new Streaks()];
  const approvals = new OneTimeApprovals();
  const revocations = new Revocations();
  const failed = new FailedCalls();
  const told: MadeCall[] = [];
  const rows: Row[] = [];
  const otherReplicas: OtherReplicas = { callFailed: (call) => told.push(call), streak: (_tenant, _agent, row) => rows.push(row) };
  revocations.confirm(start.getTime());
  const policies = new Map<string, ActivePolicy>();
  if (options.policy !== undefined) policies.set("acme", activePolicy(options.policy));
  const failures: string[] = [];
  const proofs = new UsedProofs();
  const token = { claims: claimsOf(options.claims), expired: false };
  let ids = 0;
  const newId = () => `01890a5d-ac96-774b-bcce-${String(++ids).padStart(12, "0")}`;
  const authenticate = authenticateAgent({
    tokens: {
      cached: () => undefined,
      verify: async (text) => {
        if (text !== "good") return { ok: false, why: "invalid" };
        return token.expired ? { ok: false, why: "expired", claims: token.claims } : { ok: true, claims: token.claims };
      },
    },
    failures: { report: (why) => failures.push(why) },
    proofs,
    clock,
    signals: { unauthenticated: () => undefined },
  });
  const subjectKeys = new MemorySubjectKeys();
  const recent = recentDecisions({ log, newId, clock });
  const check = checkCall({
    ...{
      authenticate,
      log,
      budget,
      rates,
      breakers,
      probes,
      streaks,
      otherReplicas,
      sessions,
      approvals,
      revocations,
      recent,
      failed,
      newId,
      clock,
    },
    policyOf: (tenant) => policies.get(tenant),
    hashKeyOf: () => Buffer.alloc(32, 1),
    subjectKeys,
    monotonic: () => 0,
    signals: { decided: () => undefined, unauthenticated: () => undefined, unrecorded: () => undefined },
  });
  const caller: Caller = { path: "/aegis.authz.v1.AuthorizationService/Check", traceparent: undefined, arrived: 0, pep: "grpc" };
  return {
    ...{
      told,
      rows,
      streaks,
      clock,
      log,
      budget,
      rates,
      breakers,
      probes,
      sessions,
      approvals,
      revocations,
      policies,
      failures,
      proofs,
      subjectKeys,
      token,
      check,
      caller,
    },
    checkResult: checkResult({
      ...{ authenticate, log, sessions, revocations, recent, newId, clock, subjectKeys },
      policyOf: (tenant) => policies.get(tenant),
      hashKeyOf: () => Buffer.alloc(32, 1),
      monotonic: () => 0,
      signals: { decided: () => undefined, unauthenticated: () => undefined, unrecorded: () => undefined },
    }),
    reportOutcome: reportOutcome({
      ...{ authenticate, log, recent, failed, streaks, otherReplicas, newId, clock },
      policyOf: (tenant) => policies.get(tenant),
    }),
    /** Checks a call of stripe-payments:create_payment, changed as told. */
    call: (
      change: MessageInitShape<typeof CheckRequestSchema> = {},
      args: Record<string, unknown> = { amount: 100 },
      as: Caller = { ...caller },
    ) =>
      check(
        create(CheckRequestSchema, {
          agentToken: "good",
          tool: "stripe-payments",
          action: "create_payment",
          args: { case: "argumentsJson", value: Buffer.from(JSON.stringify(args)) },
          ...change,
        }),
        as,
      ),
  };
}
