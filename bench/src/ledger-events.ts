import { randomUUID } from "node:crypto";

/** An allowed payment as authz tells of it. */
export function decision(producer: string, epoch: string, sequence: number) {
  const id = uuid7();
  return {
    specversion: "1.0",
    id,
    source: `aegis/authz/${producer}`,
    type: "dev.aegis.decision.made.v1",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    tenant: "bench",
    data: {
      decisionId: id,
      decision: "allow",
      reasons: [],
      kind: "check",
      principal: {
        org: "bench",
        tenant: "bench",
        agent: "finance-agent",
        subject: "user:u-42",
        chain: ["finance-agent", "planner-agent"],
        depth: 1,
        instance: "i-1",
        tokenId: `t-${sequence % 100}`,
      },
      tool: "stripe-payments",
      action: "create_payment",
      arguments: { amount: sequence % 5000, currency: "USD", recipient: "acct_ink", memo: `invoice ${sequence}` },
      redactions: [],
      context: { sessionId: `s-${sequence % 500}`, promptId: `p-${sequence % 900}` },
      actionDigest: `sha256:${(sequence % 5000).toString(16).padStart(64, "0")}`,
      policyVersion: "7-cbbef3f00dc1",
      dryRun: false,
      reservations: [],
      latencyMs: 0.4,
      pep: "grpc",
      producer: { id: producer, epoch, sequence },
    },
  };
}

/** UUID version 7, RFC 9562: ids that grow, as authz's do. */
function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  const random = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15, 18)}-${random.slice(19)}`;
}
