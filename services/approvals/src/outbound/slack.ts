import { createHash } from "node:crypto";
import type { Database } from "@aegis/postgres/connect";
import type { TenantSecrets } from "@aegis/service/tenant-secrets";
import { LogLevel, WebClient } from "@slack/web-api";
import { sql } from "kysely";
import type { Channel } from "#domain/channel.ts";
import type { Courier, SlackPort } from "#usecases/channel-ports.ts";
import { slackAlert, slackMessage } from "./slack-message.ts";
import { isSlackSignature } from "./slack-signature.ts";
import type { Tables } from "./tables.ts";

interface SlackOptions {
  readonly secrets: TenantSecrets;
  /** Slack's own, unless another is configured. */
  readonly apiUrl: string | undefined;
}

/** No retries of its own: the outbox tries again. */
export const slackClientOptions = (apiUrl: string | undefined) => ({
  ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
  retryConfig: { retries: 0 },
  timeout: 5_000,
  rejectRateLimitedCalls: true,
  allowAbsoluteUrls: false,
});

const client = async ({ secrets, apiUrl }: SlackOptions, channel: Channel): Promise<WebClient> => {
  if (channel.target.kind !== "slack") throw new Error("the channel is of another kind");
  const token = await secrets(channel.tenant, channel.target.botToken);
  return new WebClient(token, { ...slackClientOptions(apiUrl), logLevel: LogLevel.ERROR });
};

/** Messages in Slack: posted once, and updated where they are when the approval is decided anywhere. */
export function slackCourier(options: SlackOptions): Courier {
  const post = async (channel: Channel, key: string, type: string, message: ReturnType<typeof slackMessage | typeof slackAlert>) => {
    if (channel.target.kind !== "slack") return { ok: false, why: "the channel is of another kind" } as const;
    const posted = await (await client(options, channel)).chat.postMessage({
      channel: channel.target.conversation,
      ...message,
      unfurl_links: false,
      unfurl_media: false,
      metadata: { event_type: type, event_payload: { idempotency_key: key } },
    });
    return { ok: true, reference: `${posted.channel}/${posted.ts}` } as const;
  };
  return {
    async approval({ delivery, channel, approval }) {
      const message = slackMessage(approval, delivery.nonce);
      const place = /^([A-Z0-9]+)\/([\d.]+)$/.exec(delivery.reference ?? "");
      if (delivery.notice === "decided" && place?.[1] !== undefined && place[2] !== undefined) {
        await (await client(options, channel)).chat.update({ channel: place[1], ts: place[2], ...message });
        return { ok: true, reference: delivery.reference };
      }
      return post(channel, delivery.id, "aegis_approval", message);
    },
    alert: ({ sending, channel }) => post(channel, sending.id, "aegis_alert", slackAlert(sending.tenant, sending.alert)),
  };
}

/** What comes back from Slack. */
export function slackPort(db: Database<Tables>, options: SlackOptions): SlackPort {
  return {
    async isSigned(channel, request, now) {
      if (channel.target.kind !== "slack") return false;
      return isSlackSignature(await options.secrets(channel.tenant, channel.target.signingSecret), request, now);
    },

    async firstTime(key, now) {
      // Outside its window a signature is refused for its age.
      await sql`delete from signatures_seen where seen_at < ${new Date(now - 20 * 60_000)}`.execute(db);
      const hash = createHash("sha256").update(key).digest();
      const { rows } = await sql`
        insert into signatures_seen (hash, seen_at) values (${hash}, ${new Date(now)}) on conflict do nothing returning hash`.execute(db);
      return rows.length === 1;
    },

    async whisper(channel, place, text) {
      await (await client(options, channel)).chat.postEphemeral({ channel: place.conversation, user: place.member, text });
    },
  };
}
