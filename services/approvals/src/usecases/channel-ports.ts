import type { Backoff, Channel, Notice, TargetKind } from "#domain/channel.ts";
import type { ApprovalRecord } from "./ports.ts";

export interface ChannelStore {
  list(tenant: string): Promise<Channel[]>;
  find(tenant: string, name: string): Promise<Channel | undefined>;
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
  sent(delivery: Delivery, now: number, reference: string | undefined): Promise<void>;
  failed(delivery: Delivery, nextAt: number, why: string): Promise<void>;
  dropped(delivery: Delivery, now: number, why: string): Promise<void>;
}

/** One message as a courier gets it. */
export interface Message {
  readonly delivery: Delivery;
  readonly channel: Channel;
  readonly approval: ApprovalRecord;
  readonly now: number;
}

/** `why` is shown to operators: it holds no secret. */
export type Sent = { readonly ok: true; readonly reference?: string | undefined } | { readonly ok: false; readonly why: string };

/** Carries messages to one kind of target. What it throws counts as not sent. */
export type Courier = (message: Message) => Promise<Sent>;

export interface ChannelSignals {
  delivered(kind: TargetKind, result: "sent" | "failed" | "dropped"): void;
  /** A message that could not be sent; it is tried again. */
  undelivered(failure: { tenant: string; channel: string; delivery: string; attempts: number; why: string }, error: unknown): void;
}

export interface ChannelPorts {
  readonly channels: ChannelStore;
  readonly deliveries: DeliveryStore;
  readonly couriers: Readonly<Record<TargetKind, Courier>>;
  readonly backoff: Backoff;
  readonly channelSignals: ChannelSignals;
}
