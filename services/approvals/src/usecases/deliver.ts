import { backoffMs, type Channel, patienceMs } from "#domain/channel.ts";
import type { ChannelPorts, Delivery, Sending, SendingStore, Sent } from "./channel-ports.ts";
import { comparisonOf } from "./compare.ts";
import type { Ports } from "./ports.ts";

const batch = 32;

/** Longer than any courier takes. Milliseconds. */
const leaseMs = 60_000;

type Needs = ChannelPorts & Pick<Ports, "approvals" | "clock">;

/** Sends what is due, a batch of each kind at a time. Resolves to how many it found due. */
export async function deliver(ports: Needs): Promise<number> {
  const [approvals, alerts] = await Promise.all([
    eachDue(ports, ports.deliveries, (delivery, channel, now) => aboutApproval(ports, delivery, channel, now)),
    eachDue(ports, ports.alerts, async (sending, channel, now) => ({
      send: () => ports.couriers[channel.target.kind].alert({ sending, channel, now }),
    })),
  ]);
  return approvals + alerts;
}

/** How a message is sent, or why it is not any more. */
type Plan = { readonly send: () => Promise<Sent> } | { readonly drop: string };

async function eachDue<S extends Sending>(
  ports: Needs,
  store: SendingStore<S>,
  plan: (sending: S, channel: Channel, now: number) => Promise<Plan>,
): Promise<number> {
  const due = await store.due(ports.clock.now().getTime(), batch);
  await Promise.all(due.map(({ tenant, id }) => one(ports, store, { tenant, id }, plan)));
  return due.length;
}

async function one<S extends Sending>(
  ports: Needs,
  store: SendingStore<S>,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  plan: (sending: S, channel: Channel, now: number) => Promise<Plan>,
): Promise<void> {
  const now = ports.clock.now().getTime();
  const sending = await store.claim(tenant, id, now, now + leaseMs);
  if (sending === undefined) return;
  const channel = await ports.channels.find(tenant, sending.channel);
  if (channel === undefined) return store.dropped(sending, now, "the channel was removed");
  const { kind } = channel.target;
  const late = now - sending.createdAt > patienceMs + channel.afterSeconds * 1000;
  const planned = await plan(sending, channel, now);
  if ("drop" in planned || late) {
    ports.channelSignals.delivered(kind, "dropped");
    return store.dropped(sending, now, "drop" in planned ? planned.drop : "it could not be sent in time");
  }
  let error: unknown;
  const sent: Sent = await planned.send().catch((caught) => {
    error = caught;
    return { ok: false, why: "it could not be sent; the log says more" };
  });
  ports.channelSignals.delivered(kind, sent.ok ? "sent" : "failed");
  if (sent.ok) return store.sent(sending, ports.clock.now().getTime(), sent.reference);
  ports.channelSignals.undelivered(told(sending, sent.why), error);
  const nextAt = ports.clock.now().getTime() + backoffMs(sending.attempts, ports.backoff);
  await store.failed(sending, nextAt, sent.why);
}

async function aboutApproval(ports: Needs, delivery: Delivery, channel: Channel, now: number): Promise<Plan> {
  const approval = await ports.approvals.find(delivery.approvalId, delivery.tenant);
  if (approval === undefined) return { drop: "the approval is gone" };
  if (delivery.notice === "escalated" && approval.state !== "pending") return { drop: `it was ${approval.state} before` };
  const comparison = approval.state === "pending" ? await comparisonOf(ports, approval) : [];
  const courier = ports.couriers[channel.target.kind];
  return { send: () => courier.approval({ delivery, channel, approval: { ...approval, comparison }, now }) };
}

const told = ({ tenant, channel, id, attempts }: Sending, why: string) => ({ tenant, channel, delivery: id, attempts, why });
