import type { Bus } from "@aegis/bus/connect";
import { type BusMessage, consume } from "@aegis/bus/consume";
import {
  agentRegistered,
  agentRevoked,
  budgetExhausted,
  budgetThreshold,
  budgetTripped,
  policyPromoted,
  policyPublished,
  policyRolledBack,
} from "@aegis/contracts/control-events";
import { decisionEvent } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import type { z } from "zod";
import { isTold } from "#domain/alert.ts";
import { alert } from "#usecases/alert.ts";
import { cancelAllOf } from "#usecases/cancel.ts";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import type { GrantPorts } from "#usecases/grant-ports.ts";
import type { Ports } from "#usecases/ports.ts";
import { request } from "#usecases/request.ts";
import type { ApprovalSignals } from "../signals.ts";

/** What this service hears: calls that wait for people, who answers for an agent, who wrote policies, agents that were revoked or paused, budgets that run low. */
export function hearEvents(
  bus: Bus,
  ports: Ports & GrantPorts & ChannelPorts & { readonly signals: ApprovalSignals },
  logger: Logger,
): AsyncDisposable {
  const hear = <S extends z.ZodType>(schema: S, handle: (event: z.infer<S>) => Promise<void>) => ({
    logger,
    onBatch: async (messages: BusMessage[]) => {
      for (const message of messages) await one(message, schema, handle, ports.signals);
    },
  });
  const stack = new AsyncDisposableStack();
  stack.use(
    consume(bus, {
      stream: "DECISIONS",
      durable: "approvals",
      filter: "aegis.decision.*.*.approval_needed",
      ...hear(decisionEvent, (event) => request(ports, event)),
    }),
  );
  stack.use(
    consume(bus, {
      stream: "CONTROL",
      durable: "approvals-registered",
      filter: "aegis.identity.*.registered",
      ...hear(agentRegistered, ({ tenant, data }) => ports.approvals.keepOwner(tenant, data.agent, data.owner)),
    }),
  );
  stack.use(
    consume(bus, {
      stream: "CONTROL",
      durable: "approvals-revoked",
      filter: "aegis.identity.*.revoked",
      ...hear(agentRevoked, async ({ tenant, data: { agent, by } }) => {
        await cancelAllOf(ports, { tenant, agent, by });
        await ports.grants.revokeAllOf(tenant, agent, by, ports.clock.now().getTime());
      }),
    }),
  );
  stack.use(
    consume(bus, {
      stream: "CONTROL",
      durable: "approvals-tripped",
      filter: "aegis.budget.*.tripped",
      ...hear(budgetTripped, ({ id, tenant, time, data: { scope, cause, until } }) =>
        alert(ports, { id, tenant }, { scope, cause, at: time, until }, Date.parse(until)),
      ),
    }),
  );
  for (const [verb, schema] of [
    ["threshold", budgetThreshold],
    ["exhausted", budgetExhausted],
  ] as const) {
    stack.use(
      consume(bus, {
        stream: "CONTROL",
        durable: `approvals-${verb}`,
        filter: `aegis.budget.*.${verb}`,
        ...hear<typeof budgetThreshold | typeof budgetExhausted>(schema, async ({ id, tenant, time, data }) => {
          if (isTold(data)) await alert(ports, { id, tenant }, data, Date.parse(time));
        }),
      }),
    );
  }
  // Restored and promoted revisions are somebody's work as much as written ones.
  for (const [verb, schema] of [
    ["published", policyPublished],
    ["rolledback", policyRolledBack],
    ["promoted", policyPromoted],
  ] as const) {
    stack.use(
      consume(bus, {
        stream: "CONTROL",
        durable: `approvals-${verb}`,
        filter: `aegis.policy.*.${verb}`,
        ...hear(schema, ({ tenant, data }) => ports.approvals.keepAuthor(tenant, data.version, data.author)),
      }),
    );
  }
  return stack;
}

/** An event that will never be usable is counted and dropped, so that it holds up no other; any other failure is tried again. */
async function one<S extends z.ZodType>(
  message: BusMessage,
  schema: S,
  handle: (event: z.infer<S>) => Promise<void>,
  signals: ApprovalSignals,
): Promise<void> {
  try {
    const parsed = schema.safeParse(message.json());
    if (!parsed.success) throw new AegisError("invalid_argument", "the event does not match its schema", { cause: parsed.error });
    await handle(parsed.data);
  } catch (error) {
    if (!(error instanceof AegisError && error.code === "invalid_argument")) throw error;
    signals.unusableEvent(message.subject, error);
    message.term();
    return;
  }
  await message.ack();
}
