import type { Bus } from "@aegis/bus/connect";
import { tenantStream } from "@aegis/contracts/subjects";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";

/** Makes a tenant's durable consumer; one that is there stays as it is, with what it still has to deliver. */
export const siemConsumer = (bus: Bus) => async (tenant: string) => {
  const { stream, durable, filter } = tenantStream(tenant);
  await bus.manager.consumers.add(stream, {
    durable_name: durable,
    filter_subject: filter,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: 30_000_000_000,
    max_deliver: -1,
    max_ack_pending: 5_000,
  });
};
