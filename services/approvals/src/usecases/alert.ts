import { type Alert, recipientsOfAlert, staleMs } from "#domain/alert.ts";
import type { ChannelPorts } from "./channel-ports.ts";
import type { Ports } from "./ports.ts";

/** Plans to tell people of something that matters until `endsAt`, in milliseconds since 1970: once, however often the event comes. */
export async function alert(
  ports: Pick<ChannelPorts, "channels" | "alerts"> & Pick<Ports, "clock">,
  event: { readonly id: string; readonly tenant: string },
  what: Alert,
  endsAt: number,
): Promise<void> {
  const now = ports.clock.now().getTime();
  if (endsAt < now - staleMs) return;
  await ports.alerts.plan(event.tenant, event.id, what, recipientsOfAlert(await ports.channels.list(event.tenant)), now);
}
