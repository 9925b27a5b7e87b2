import { AegisError } from "@aegis/contracts/errors";
import type { Channel } from "#domain/channel.ts";
import { outcomeOf } from "#domain/summary.ts";
import type { ChannelPorts, SignedRequest } from "./channel-ports.ts";
import type { Ports } from "./ports.ts";
import { vote } from "./vote.ts";

/** A button that somebody pressed. */
export interface Click {
  readonly approvalId: string;
  readonly nonce: string;
  readonly decision: "approve" | "deny";
  /** The platform's id of whoever pressed it. */
  readonly member: string;
}

type Needs = ChannelPorts & Pick<Ports, "approvals" | "clock" | "signals">;

/**
 * Takes a signed click. Until the signature has verified, the click only says with whose secret it must have been signed.
 *
 * @throws AegisError `unauthenticated`, the same for every reason, when it is forged, stale, replayed or of no message of ours.
 */
export async function signedClick(ports: Needs, click: Click, request: SignedRequest): Promise<void> {
  const now = ports.clock.now().getTime();
  const origin = await originOf(ports, click);
  if (origin === undefined || !(await ports.slack.isSigned(origin.channel, request, now))) throw refused();
  if (!(await ports.slack.firstTime(`${request.timestamp}\n${request.signature}`, now))) throw refused();
  await count(ports, click, origin);
}

/** Takes a click from a connection that Slack authenticated for one channel's app. One of another channel's message is ignored. */
export async function socketClick(ports: Needs, click: Click, connection: Pick<Channel, "tenant" | "name">): Promise<void> {
  const origin = await originOf(ports, click);
  if (origin?.channel.tenant === connection.tenant && origin.channel.name === connection.name) await count(ports, click, origin);
}

interface Origin {
  readonly channel: Channel;
  /** Where the message is. */
  readonly conversation: string;
}

async function originOf(ports: Needs, click: Click): Promise<Origin | undefined> {
  const delivery = await ports.deliveries.byNonce(click.nonce);
  if (delivery === undefined || delivery.approvalId !== click.approvalId) return undefined;
  const channel = await ports.channels.find(delivery.tenant, delivery.channel);
  if (channel?.target.kind !== "slack") return undefined;
  // A click can be faster than the note of where Slack put the message.
  return { channel, conversation: delivery.reference?.split("/")[0] ?? channel.target.conversation };
}

/** Counts it as the vote of the person it is, as any other vote; who may not vote hears so, and nobody else. */
async function count(ports: Needs, click: Click, { channel, conversation }: Origin): Promise<void> {
  const user = await ports.members.person(channel.tenant, channel.name, click.member);
  const answer =
    user === undefined
      ? "Nothing was changed: your Slack user is not registered for approvals here. An admin can register it."
      : await cast(ports, { ...click, tenant: channel.tenant, user });
  // The vote stands, whether its answer can be shown or not.
  await ports.slack
    .whisper(channel, { conversation, member: click.member }, answer)
    .catch((error) => ports.channelSignals.unanswered(channel, error));
}

async function cast(ports: Needs, { tenant, user, approvalId: id, decision }: Click & { tenant: string; user: string }): Promise<string> {
  try {
    const approval = await vote(ports, { tenant, id, user, decision, comment: "in Slack" });
    return `Your vote counts. The call ${outcomeOf(approval)}.`;
  } catch (error) {
    if (!(error instanceof AegisError) || error.code === "unavailable" || error.code === "internal") throw error;
    return `Nothing was changed: ${error.message}.`;
  }
}

const refused = () => new AegisError("unauthenticated", "the request is not signed by Slack, is too old, or was taken before");
