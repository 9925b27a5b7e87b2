import type { Bus } from "@aegis/bus/connect";
import { AccessRequestsService } from "@aegis/contracts/aegis/approvals/v1/access_requests";
import { ApprovalsService } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { rpcClient } from "@aegis/rpc/client";
import { peerToken } from "@aegis/rpc/peer";
import type { Logger } from "@aegis/service/logger";
import type { Tasks } from "#usecases/access-requests.ts";
import type { Approvals, Clock, OtherReplicas, Probes, Rates } from "#usecases/ports.ts";
import { approvalsOver } from "./approvals.ts";
import { type LeasedBudget, leasedBudget } from "./budget.ts";
import { otherReplicasOver } from "./other-replicas.ts";
import { probesOver } from "./probes.ts";
import { ratesOver } from "./rates.ts";
import { recallsOver } from "./recalls.ts";
import { type HeldSubjectKeys, ledgersKeys, subjectKeys } from "./subject-keys.ts";
import { tasksOver } from "./tasks.ts";

/** Whom authz asks while it decides: two services, and the other replicas. */
export interface Peers extends AsyncDisposable {
  readonly budget: LeasedBudget;
  readonly rates: Rates;
  readonly probes: Probes;
  readonly approvals: Approvals;
  readonly tasks: Tasks;
  readonly otherReplicas: OtherReplicas;
  readonly subjectKeys: HeldSubjectKeys;
}

export interface PeersOptions {
  readonly bus: Bus;
  /** Producer id and epoch: names this life of this replica. */
  readonly holder: string;
  readonly keyFile: string;
  readonly budgetAddress: string;
  readonly approvalsAddress: string;
  /** Where people and agents see approvals. */
  readonly approvalsUrl: string;
  /** Where the keys of data subjects are kept; absent: nothing personal is recorded. */
  readonly auditUrl: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Each call carries a credential that this instance signs with its own key. Disposing gives back the leases first. */
export function connectPeers(options: PeersOptions): Peers {
  const { bus, holder, keyFile, approvalsUrl, clock, logger } = options;
  const credential = (audience: string) => ({ bearer: peerToken({ keyFile, service: "authz", audience }) });
  const budgetClient = rpcClient(BudgetService, options.budgetAddress, credential("budget"));
  const approvalsClient = rpcClient(ApprovalsService, options.approvalsAddress, credential("approvals"));
  const tasksClient = rpcClient(AccessRequestsService, options.approvalsAddress, credential("approvals"));
  const budget = leasedBudget({ client: budgetClient, holder, clock, logger, recalls: recallsOver(bus, holder) });
  return {
    budget,
    rates: ratesOver(budgetClient, logger),
    probes: probesOver(budgetClient, logger),
    approvals: approvalsOver(approvalsClient, { approvalsUrl, tasks: tasksClient }),
    tasks: tasksOver(tasksClient),
    otherReplicas: otherReplicasOver(bus, holder),
    subjectKeys: subjectKeys(ledgersKeys({ auditUrl: options.auditUrl, keyFile }), { clock, logger }),
    async [Symbol.asyncDispose]() {
      await budget[Symbol.asyncDispose]();
      budgetClient[Symbol.dispose]();
      approvalsClient[Symbol.dispose]();
      tasksClient[Symbol.dispose]();
    },
  };
}
