import type { Alert } from "#domain/alert.ts";
import type { Backoff, Channel, Notice, TargetKind } from "#domain/channel.ts";
import type { Comparison } from "#domain/unusual.ts";
import type { ApprovalRecord } from "./ports.ts";

export interface ChannelStore {
  list(tenant: string): Promise<Channel[]>;
  find(tenant: string, name: string): Promise<Channel | undefined>;
  /** Those of any tenant that want a connection of their own. */
  withSockets(): Promise<Channel[]>;
  put(channel: Channel, by: string, now: number): Promise<void>;
  /** False when there is none of this name. */
  remove(tenant: string, name: string): Promise<boolean>;
}

/** Something that is to be sent to one recipient, or has been. */
export interface Sending {
  /** The idempotency key: the same however often it is tried. */
  readonly id: string;
  readonly tenant: string;
  readonly channel: string;
  readonly recipient: string;
  /** Attempts made, with the present one. */
  readonly attempts: number;
  readonly createdAt: number;
}

/** What is to be sent, and what became of it. */
export interface SendingStore<S extends Sending> {
  /** What is due, of any tenant, a few of each channel so that none keeps out another. */
  due(now: number, limit: number): Promise<readonly { readonly tenant: string; readonly id: string }[]>;
  /** Takes one that is due, for nobody else until `until`; undefined when somebody else has. */
  claim(tenant: string, id: string, now: number, until: number): Promise<S | undefined>;
  sent(sending: S, now: number, reference: string | undefined): Promise<void>;
  failed(sending: S, nextAt: number, why: string): Promise<void>;
  dropped(sending: S, now: number, why: string): Promise<void>;
}

/** A message about an approval. */
export interface Delivery extends Sending {
  readonly approvalId: string;
  readonly notice: Notice;
  readonly nonce: string;
  /** Where the channel put this recipient's first message. */
  readonly reference?: string | undefined;
}

export interface DeliveryStore extends SendingStore<Delivery> {
  /** The message that carries this nonce, of any tenant. */
  byNonce(nonce: string): Promise<Delivery | undefined>;
}

/** A message about something that was paused. */
export interface AlertSending extends Sending {
  readonly alert: Alert;
}

export interface AlertStore extends SendingStore<AlertSending> {
  /** Plans to tell these recipients what an event said; of an event that was heard before, nothing. */
  plan(
    tenant: string,
    eventId: string,
    alert: Alert,
    recipients: readonly { readonly channel: string; readonly recipient: string }[],
    now: number,
  ): Promise<void>;
}

/** One message about an approval as a courier gets it. */
interface Message {
  readonly delivery: Delivery;
  readonly channel: Channel;
  /** With what to look at twice, while it is pending. */
  readonly approval: ApprovalRecord & { readonly comparison: readonly Comparison[] };
  readonly now: number;
}

/** `why` is shown to operators: it holds no secret. */
export type Sent = { readonly ok: true; readonly reference?: string | undefined } | { readonly ok: false; readonly why: string };

/** One message about something that was paused. */
interface AlertMessage {
  readonly sending: AlertSending;
  readonly channel: Channel;
  readonly now: number;
}

/** Carries messages to one kind of target. What it throws counts as not sent. */
export interface Courier {
  approval(message: Message): Promise<Sent>;
  alert(message: AlertMessage): Promise<Sent>;
}

/** Which person a platform's user is. */
export interface MemberStore {
  list(tenant: string, channel: string): Promise<readonly { readonly member: string; readonly person: string }[]>;
  person(tenant: string, channel: string, member: string): Promise<string | undefined>;
  put(tenant: string, channel: string, member: string, person: string, by: string, now: number): Promise<void>;
  /** False when there was none. */
  remove(tenant: string, channel: string, member: string): Promise<boolean>;
}

export interface SignedRequest {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** As it came. */
  readonly body: string;
}

export interface SlackPort {
  /** Whether the channel's app signed this, within five minutes of `now` both ways. */
  isSigned(channel: Channel, request: SignedRequest, now: number): Promise<boolean>;
  /** True once for each key, among all replicas. */
  firstTime(key: string, now: number): Promise<boolean>;
  /** Says something to one member only. */
  whisper(channel: Channel, place: { readonly conversation: string; readonly member: string }, text: string): Promise<void>;
}

export interface ChannelSignals {
  /** Slack could not be reached to answer somebody, or to listen. */
  unanswered(channel: Pick<Channel, "tenant" | "name">, error: unknown): void;
  socketsFailed(error: unknown): void;
  delivered(kind: TargetKind, result: "sent" | "failed" | "dropped"): void;
  /** A message that could not be sent; it is tried again. */
  undelivered(failure: { tenant: string; channel: string; delivery: string; attempts: number; why: string }, error: unknown): void;
}

export interface ChannelPorts {
  readonly channels: ChannelStore;
  readonly deliveries: DeliveryStore;
  readonly alerts: AlertStore;
  readonly couriers: Readonly<Record<TargetKind, Courier>>;
  readonly members: MemberStore;
  readonly slack: SlackPort;
  readonly backoff: Backoff;
  readonly channelSignals: ChannelSignals;
}
