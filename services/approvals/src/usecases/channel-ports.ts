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

/** A message that is due, or has been sent. */
export interface Delivery {
  /** The idempotency key: the same however often it is tried. */
  readonly id: string;
  readonly tenant: string;
  readonly approvalId: string;
  readonly channel: string;
  readonly recipient: string;
  readonly notice: Notice;
  /** Attempts made, with the present one. */
  readonly attempts: number;
  readonly nonce: string;
  /** Where the channel put this recipient's first message. */
  readonly reference?: string | undefined;
  readonly createdAt: number;
}

export interface DeliveryStore {
  /** What is due, of any tenant, a few of each channel so that none keeps out another. */
  due(now: number, limit: number): Promise<readonly { readonly tenant: string; readonly id: string }[]>;
  /** Takes one that is due, for nobody else until `until`; undefined when somebody else has. */
  claim(tenant: string, id: string, now: number, until: number): Promise<Delivery | undefined>;
  /** The message that carries this nonce, of any tenant. */
  byNonce(nonce: string): Promise<Delivery | undefined>;
  sent(delivery: Delivery, now: number, reference: string | undefined): Promise<void>;
  failed(delivery: Delivery, nextAt: number, why: string): Promise<void>;
  dropped(delivery: Delivery, now: number, why: string): Promise<void>;
}

/** One message as a courier gets it. */
interface Message {
  readonly delivery: Delivery;
  readonly channel: Channel;
  /** With what to look at twice, while it is pending. */
  readonly approval: ApprovalRecord & { readonly comparison: readonly Comparison[] };
  readonly now: number;
}

/** `why` is shown to operators: it holds no secret. */
export type Sent = { readonly ok: true; readonly reference?: string | undefined } | { readonly ok: false; readonly why: string };

/** Carries messages to one kind of target. What it throws counts as not sent. */
export type Courier = (message: Message) => Promise<Sent>;

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
  readonly couriers: Readonly<Record<TargetKind, Courier>>;
  readonly members: MemberStore;
  readonly slack: SlackPort;
  readonly backoff: Backoff;
  readonly channelSignals: ChannelSignals;
}
