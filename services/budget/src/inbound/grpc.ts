import { type Account as AccountMessage, BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { money } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { accounts } from "@aegis/policy/limits";
import type { PeerVerifier } from "@aegis/rpc/peer";
import type { RpcServer } from "@aegis/rpc/server";
import { durationFromMs, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { admit } from "#usecases/admit.ts";
import { hearingHolders } from "#usecases/hear-holder.ts";
import { lease } from "#usecases/lease.ts";
import { maySpawn } from "#usecases/may-spawn.ts";
import type { Ports } from "#usecases/ports.ts";
import { reportUsage } from "#usecases/report-usage.ts";
import { reserve } from "#usecases/reserve.ts";
import { tripBreaker } from "#usecases/trip.ts";
import {
  accountOf,
  admitRequest,
  amountsOf,
  check,
  holderName,
  id,
  probeRequest,
  spawnRequest,
  text,
  tripRequest,
  units,
  usageRequest,
} from "./requests.ts";

/** Who may do what: only authz moves units of calls. */
export interface BudgetPeers {
  readonly authz: PeerVerifier;
  /** Reports usage. */
  readonly usage: PeerVerifier;
  /** Asks before it issues a delegated token. */
  readonly token: PeerVerifier;
}

/** `aegis.budget.v1.BudgetService`. */
export function budgetRpc(server: RpcServer, ports: Ports, peers: BudgetPeers): void {
  const hearHolder = hearingHolders(ports);
  server.serve(BudgetService, {
    async lease(request, call) {
      const peer = await peers.authz(call.metadata);
      const account = accountOf(request.account);
      const holder = { producer: peer.instance, epoch: check(holderName, request.holder, "holder") };
      const need = Math.max(1, units(request.need, "need"));
      const grant = await lease(ports, account, holder, { need, want: Math.max(need, units(request.want, "want")) });
      if (grant === undefined) return { unlimited: true };
      if (call.signal.aborted && grant.leaseId !== "") {
        // Nobody waits for the answer any more: units that nobody knows of would be out of reach for half a minute.
        await ports.leases.giveBack(grant.leaseId, peer.instance, 0, ports.clock.now().getTime());
        throw new AegisError("deadline_exceeded", "the caller did not wait for its lease");
      }
      return {
        leaseId: grant.leaseId,
        granted: BigInt(grant.granted),
        ttl: durationFromMs(grant.ttlMs),
        limit: BigInt(grant.limit),
        remaining: BigInt(grant.remaining),
        outstanding: BigInt(grant.outstanding),
        softAction: grant.softAction ?? "",
        ...(grant.retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(grant.retryAfterMs) }),
        ...(grant.windowEnds === undefined ? {} : { windowEnds: timestampFromMs(grant.windowEnds) }),
      };
    },

    async reserve(request, call) {
      await peers.authz(call.metadata);
      const amounts = amountsOf(request.amounts);
      const tenant = amounts[0]?.account.tenant;
      if (tenant === undefined) throw new AegisError("invalid_argument", "amounts: there is nothing to reserve");
      if (amounts.some((one) => one.account.tenant !== tenant)) throw new AegisError("invalid_argument", "amounts: more than one tenant");
      const answer = await reserve(ports, tenant, check(id, request.decisionId, "decision_id"), amounts, request.pastSoft);
      if (answer.reserved) return { reserved: true };
      return {
        reserved: false,
        refused: answer.refused,
        limit: BigInt(answer.limit),
        remaining: BigInt(answer.remaining),
        softAction: answer.softAction ?? "",
        ...(answer.retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(answer.retryAfterMs) }),
      };
    },

    async settle(request, call) {
      await peers.authz(call.metadata);
      const actual = new Map(amountsOf(request.actual).map((one) => [accountName(one.account), one.units]));
      const decisionId = check(id, request.decisionId, "decision_id");
      return { settled: await ports.reservations.settle(decisionId, (held) => actual.get(accountName(held))) };
    },

    async release(request, call) {
      const peer = await peers.authz(call.metadata);
      const { what } = request;
      if (what.case === "decisionId") return { released: await ports.reservations.release(check(id, what.value, "decision_id")) };
      if (what.case !== "leaseId") throw new AegisError("invalid_argument", "what: name a decision or a lease");
      const spent = units(request.spent, "spent");
      const now = ports.clock.now().getTime();
      return { released: await ports.leases.giveBack(check(id, what.value, "lease_id"), peer.instance, spent, now) };
    },

    async alive(request, call) {
      const peer = await peers.authz(call.metadata);
      const holder = { producer: peer.instance, epoch: check(holderName, request.holder, "holder") };
      await hearHolder(holder, request.published ? request.saidAt && timestampMs(request.saidAt) : undefined);
      return {};
    },

    async admit(request, call) {
      await peers.authz(call.metadata);
      const { tenant, scopes, calls, returned } = check(admitRequest, request, "admit");
      const { admitted, refusedBy = "", waitMs } = await admit(ports, tenant, scopes, { calls, returned });
      return { admitted, refusedBy, ...(waitMs === undefined ? {} : { retryAfter: durationFromMs(waitMs) }) };
    },

    async reportUsage(request, call) {
      await peers.usage(call.metadata);
      const { tenant, agent, usageId } = check(usageRequest, request, "usage");
      const promptId = check(text, request.promptId, "prompt_id") || undefined;
      const sessionId = check(text, request.sessionId, "session_id") || undefined;
      const [tokens, microUsd, micro] = [
        units(request.tokens, "tokens"),
        units(request.microUsd, "micro_usd"),
        units(request.micro, "micro"),
      ];
      const spent = request.currency === "" ? undefined : check(money, { currency: request.currency, micro }, "money");
      return { recorded: await reportUsage(ports, { id: usageId, tenant, agent, promptId, sessionId, tokens, microUsd, money: spent }) };
    },

    async probe(request, call) {
      await peers.authz(call.metadata);
      const { tenant, scopes, decisionId } = check(probeRequest, request, "probe");
      const passage = await ports.breakers.ask(tenant, scopes, decisionId, ports.clock.now().getTime());
      return passage.passes ? { passes: true } : { retryAfter: durationFromMs(passage.retryAfterMs) };
    },

    async trip(request, call) {
      await peers.authz(call.metadata);
      const { tenant, agent, cause } = check(tripRequest, request, "trip");
      return { open: await tripBreaker(ports, tenant, accounts.agent(agent), cause) };
    },

    async maySpawn(request, call) {
      await peers.token(call.metadata);
      const { tenant, parent, child, promptId, sessionId } = check(spawnRequest, request, "spawn");
      const answer = await maySpawn(ports, { tenant, parent, child, promptId: promptId || undefined, sessionId: sessionId || undefined });
      if (answer.may) return { maySpawn: true };
      const { code, message, retryAfterMs } = answer;
      return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(retryAfterMs) }) };
    },
  });
}

const accountName = (account: Pick<AccountMessage, "scope" | "unit" | "window">) => `${account.scope}\n${account.unit}\n${account.window}`;
