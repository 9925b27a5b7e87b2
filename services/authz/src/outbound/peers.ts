import { ApprovalsService } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";
import { peerToken } from "@aegis/rpc/peer";

/** The two services that authz asks while it decides. */
export interface Peers extends Disposable {
  readonly budget: RpcClient<typeof BudgetService>;
  readonly approvals: RpcClient<typeof ApprovalsService>;
}

/** Each call carries a credential that this instance signs with its own key. */
export function connectPeers(options: { keyFile: string; budgetAddress: string; approvalsAddress: string }): Peers {
  const credential = (audience: string) => ({ bearer: peerToken({ keyFile: options.keyFile, service: "authz", audience }) });
  const budget = rpcClient(BudgetService, options.budgetAddress, credential("budget"));
  const approvals = rpcClient(ApprovalsService, options.approvalsAddress, credential("approvals"));
  return {
    budget,
    approvals,
    [Symbol.dispose]() {
      budget[Symbol.dispose]();
      approvals[Symbol.dispose]();
    },
  };
}
