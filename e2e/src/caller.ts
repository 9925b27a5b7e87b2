import { AuthorizationService, type CheckResponse, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { type RpcClient, rpcClient } from "@aegis/rpc/client";

/** Calls authz directly, as an orchestrator would, when the CLI would be too slow. */
export interface Caller extends Disposable {
  pay(
    amount: number,
    options?: { promptId?: string; requestId?: string; overrideToken?: string; deadlineMs?: number },
  ): Promise<CheckResponse>;
  readonly client: RpcClient<typeof AuthorizationService>;
  readonly token: string;
}

export const isAllowed = (answer: CheckResponse): boolean => answer.decision === Decision.ALLOW || answer.decision === Decision.SANITIZE;

export function callAuthz(address: string, agentToken: string): Caller {
  const client = rpcClient(AuthorizationService, address, { deadlineMs: 10_000, alone: true });
  return {
    client,
    token: agentToken,
    [Symbol.dispose]: () => client[Symbol.dispose](),
    pay: (amount, { promptId, requestId, overrideToken, deadlineMs } = {}) =>
      client.check(
        {
          agentToken,
          tool: "stripe-payments",
          action: "create_payment",
          args: {
            case: "argumentsJson",
            value: new TextEncoder().encode(JSON.stringify({ amount, currency: "USD", recipient: "acct_ink" })),
          },
          requestId: requestId ?? "",
          overrideToken: overrideToken ?? "",
          ...(promptId === undefined ? {} : { context: { promptId } }),
        },
        deadlineMs === undefined ? {} : { deadlineMs },
      ),
  };
}
