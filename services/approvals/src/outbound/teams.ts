import type { Poster } from "@aegis/http/outward";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import type { Channel } from "#domain/channel.ts";
import type { Courier, Sending, Sent } from "#usecases/channel-ports.ts";
import { teamsAlert, teamsMessage } from "./teams-card.ts";

/** Cards in Teams through a Workflows webhook. Its URL holds its own signature, so it is a secret. */
export function teamsCourier(secrets: TenantSecrets, post: Poster, consoleUrl: string | undefined): Courier {
  const send = async ({ id, tenant }: Sending, { target }: Channel, card: object): Promise<Sent> => {
    if (target.kind !== "teams") return { ok: false, why: "the channel is of another kind" };
    const { status } = await post({
      url: await secrets(tenant, target.webhook),
      headers: { "content-type": "application/json", "x-idempotency-key": id },
      body: JSON.stringify(card),
    });
    return status >= 200 && status < 300 ? { ok: true } : { ok: false, why: `the webhook answered ${status}` };
  };
  return {
    approval: ({ delivery, channel, approval }) => send(delivery, channel, teamsMessage(approval, consoleUrl)),
    alert: ({ sending, channel }) => send(sending, channel, teamsAlert(sending.tenant, sending.alert)),
  };
}
