import { ApprovalsService, RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { peerVerifier } from "@aegis/rpc/peer";
import { createRpcServer, type RpcServer } from "@aegis/rpc/server";
import { Health } from "@aegis/service/health";
import type { ServiceContext } from "@aegis/service/run";
import { testLogger } from "@aegis/testkit/fabric";

/** What approvals and budget say to authz, over real gRPC, as these tests want it. */
export interface Peers extends AsyncDisposable {
  readonly approvalsAddress: string;
  readonly budgetAddress: string;
  /** Override tokens that redeem, once each, to this approval. */
  readonly overrides: Map<string, string>;
  /** Units left by scope and unit; an account that is not here has no limit. */
  readonly left: Map<string, number>;
  /** Calls that still fit under the rate of a scope; a scope that is not here has none. */
  readonly places: Map<string, number>;
  /** Leases in authz's hands. */
  readonly leases: Map<string, { readonly account: string; readonly granted: number }>;
}

export async function startPeers(peersFile: string): Promise<Peers> {
  const overrides = new Map<string, string>();
  const left = new Map<string, number>();
  const places = new Map<string, number>();
  const leases = new Map<string, { account: string; granted: number }>();
  const context = { health: new Health(), logger: testLogger() } as ServiceContext;

  const approvals = createRpcServer(context);
  const authzAtApprovals = peerVerifier({ peersFile, audience: "approvals", allow: ["authz"] });
  const redeemed = new Map<string, string>();
  approvals.serve(ApprovalsService, {
    async redeem(request, call) {
      await authzAtApprovals(call.metadata);
      const approvalId = overrides.get(request.overrideToken);
      const by = redeemed.get(request.overrideToken) ?? request.decisionId;
      redeemed.set(request.overrideToken, by);
      if (approvalId === undefined || by !== request.decisionId) return { result: RedeemResult.INVALID, message: "not valid" };
      return { result: RedeemResult.REDEEMED, approvalId };
    },
  });

  const budget = createRpcServer(context);
  const authzAtBudget = peerVerifier({ peersFile, audience: "budget", allow: ["authz"] });
  budget.serve(BudgetService, {
    async lease(request, call) {
      await authzAtBudget(call.metadata);
      const account = `${request.account?.scope} ${request.account?.unit}`;
      const rest = left.get(account);
      if (rest === undefined) return { unlimited: true };
      const granted = rest < request.need ? 0 : Math.min(rest, Number(request.want));
      left.set(account, rest - granted);
      const leaseId = `lease-${leases.size + 1}-${Math.random()}`;
      if (granted > 0) leases.set(leaseId, { account, granted });
      return { leaseId, granted: BigInt(granted), ttl: { seconds: 10n }, limit: 200n, remaining: BigInt(rest - granted) };
    },
    async admit({ scopes, calls, returned }, call) {
      await authzAtBudget(call.metadata);
      const bound = scopes.filter((scope) => places.has(scope));
      for (const scope of bound) places.set(scope, (places.get(scope) ?? 0) + returned);
      const admitted = Math.min(calls, ...bound.map((scope) => places.get(scope) ?? 0));
      for (const scope of bound) places.set(scope, (places.get(scope) ?? 0) - admitted);
      return { admitted, ...(admitted < calls && { refusedBy: "1 in 60 s", retryAfter: { seconds: 7n } }) };
    },
    async release(request, call) {
      await authzAtBudget(call.metadata);
      const lease = request.what.case === "leaseId" ? leases.get(request.what.value) : undefined;
      if (!lease) return { released: false };
      leases.delete(request.what.value ?? "");
      left.set(lease.account, (left.get(lease.account) ?? 0) + lease.granted - Number(request.spent));
      return { released: true };
    },
  });

  const listen = (server: RpcServer) => server.listen({ host: "127.0.0.1", port: 0 });
  const [approvalsAt, budgetAt] = await Promise.all([listen(approvals), listen(budget)]);
  return {
    ...{ overrides, left, places, leases },
    approvalsAddress: approvalsAt.address,
    budgetAddress: budgetAt.address,
    async [Symbol.asyncDispose]() {
      await Promise.all([approvalsAt[Symbol.asyncDispose](), budgetAt[Symbol.asyncDispose]()]);
    },
  };
}
