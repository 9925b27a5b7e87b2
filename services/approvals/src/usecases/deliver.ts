import { backoffMs, patienceMs } from "#domain/channel.ts";
import type { ChannelPorts, Delivery, Sent } from "./channel-ports.ts";
import { comparisonOf } from "./compare.ts";
import type { Ports } from "./ports.ts";

const batch = 32;

/** Longer than any courier takes. Milliseconds. */
const leaseMs = 60_000;

type Needs = ChannelPorts & Pick<Ports, "approvals" | "clock">;

/** Sends what is due, a batch at a time. Resolves to how many it found due. */
export async function deliver(ports: Needs): Promise<number> {
  const due = await ports.deliveries.due(ports.clock.now().getTime(), batch);
  await Promise.all(due.map(({ tenant, id }) => deliverOne(ports, tenant, id)));
  return due.length;
}

async function deliverOne(ports: Needs, tenant: string, id: string): Promise<void> {
  const now = ports.clock.now().getTime();
  const delivery = await ports.deliveries.claim(tenant, id, now, now + leaseMs);
  if (delivery === undefined) return;
  const [channel, approval] = await Promise.all([
    ports.channels.find(tenant, delivery.channel),
    ports.approvals.find(delivery.approvalId, tenant),
  ]);
  if (channel === undefined || approval === undefined) return ports.deliveries.dropped(delivery, now, "the channel was removed");
  const drop = async (why: string) => {
    ports.channelSignals.delivered(channel.target.kind, "dropped");
    await ports.deliveries.dropped(delivery, now, why);
  };
  if (delivery.notice === "escalated" && approval.state !== "pending") return drop(`it was ${approval.state} before`);
  if (now - delivery.createdAt > patienceMs + channel.afterSeconds * 1000) return drop("it could not be sent in time");
  let error: unknown;
  const comparison = approval.state === "pending" ? await comparisonOf(ports, approval) : [];
  const sent: Sent = await ports.couriers[channel.target.kind]({ delivery, channel, approval: { ...approval, comparison }, now }).catch(
    (caught) => {
      error = caught;
      return { ok: false, why: "it could not be sent; the log says more" };
    },
  );
  const { kind } = channel.target;
  ports.channelSignals.delivered(kind, sent.ok ? "sent" : "failed");
  if (sent.ok) return ports.deliveries.sent(delivery, ports.clock.now().getTime(), sent.reference);
  ports.channelSignals.undelivered(told(delivery, sent.why), error);
  const nextAt = ports.clock.now().getTime() + backoffMs(delivery.attempts, ports.backoff);
  await ports.deliveries.failed(delivery, nextAt, sent.why);
}

const told = ({ tenant, channel, id, attempts }: Delivery, why: string) => ({ tenant, channel, delivery: id, attempts, why });
