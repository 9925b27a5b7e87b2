import type { Poster } from "@aegis/http/outward";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import type { Courier } from "#usecases/channel-ports.ts";
import { teamsMessage } from "./teams-card.ts";

/** Cards in Teams through a Workflows webhook. Its URL holds its own signature, so it is a secret. */
export function teamsCourier(secrets: TenantSecrets, post: Poster, consoleUrl: string | undefined): Courier {
  return async ({ delivery, channel, approval }) => {
    if (channel.target.kind !== "teams") return { ok: false, why: "the channel is of another kind" };
    const { status } = await post({
      url: await secrets(delivery.tenant, channel.target.webhook),
      headers: { "content-type": "application/json", "x-idempotency-key": delivery.id },
      body: JSON.stringify(teamsMessage(approval, consoleUrl)),
    });
    return status >= 200 && status < 300 ? { ok: true } : { ok: false, why: `the webhook answered ${status}` };
  };
}
