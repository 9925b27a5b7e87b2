import { type DecisionEvent, decisionEvent, type Sealed } from "@aegis/contracts/decision-event";
import { subject } from "@aegis/contracts/subjects";
import { v7 } from "uuid";

export interface Sent {
  readonly subject: string;
  readonly id: string;
  readonly bytes: Buffer;
}

const digest = `sha256:${"0".repeat(64)}`;

/** A decision event as authz sends it. */
export function decision(options: {
  tenant?: string;
  sequence: number;
  producer?: string;
  epoch?: string;
  arguments?: Record<string, unknown>;
  sealed?: Sealed;
  /** A UUID; default: a new one. */
  id?: string;
}): Sent {
  const { tenant = "acme", sequence, producer = "authz-0", epoch = "e1", id = v7() } = options;
  const event: DecisionEvent = decisionEvent.parse({
    specversion: "1.0",
    id,
    source: `aegis/authz/${producer}`,
    type: "dev.aegis.decision.made.v1",
    time: new Date(Date.UTC(2025, 0, 1) + sequence).toISOString(),
    datacontenttype: "application/json",
    tenant,
    data: {
      decisionId: id,
      decision: "allow",
      reasons: [],
      kind: "check",
      principal: {
        org: "acme-org",
        tenant,
        agent: "finance-agent",
        subject: "user:u-42",
        chain: ["finance-agent"],
        depth: 0,
        instance: "i-1",
        tokenId: "t-1",
      },
      tool: "stripe-payments",
      action: "create_payment",
      arguments: options.arguments ?? { amount: 100, currency: "EUR" },
      ...(options.sealed && { sealed: options.sealed }),
      redactions: [],
      context: {},
      actionDigest: digest,
      policyVersion: "7",
      dryRun: false,
      reservations: [],
      latencyMs: 0.4,
      pep: "grpc",
      producer: { id: producer, epoch, sequence },
    } satisfies DecisionEvent["data"],
  });
  return {
    id,
    subject: subject("decision", { tenant, agent: "finance-agent", decision: "allow" }),
    bytes: Buffer.from(JSON.stringify(event)),
  };
}

/** A control event of token. */
export function registered(tenant = "acme"): Sent {
  const id = v7();
  const event = {
    specversion: "1.0",
    id,
    source: "aegis/token/token-0",
    type: "dev.aegis.identity.registered.v1",
    time: "2025-01-01T00:00:00.000Z",
    datacontenttype: "application/json",
    tenant,
    data: { agent: "finance-agent", owner: "alice@acme.test", by: "bob@acme.test" },
  };
  return { id, subject: subject("agentRegistered", { tenant }), bytes: Buffer.from(JSON.stringify(event)) };
}
