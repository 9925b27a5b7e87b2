/** Where a channel's messages go. `secret`, `botToken` and the like name secrets of the tenant; none is a secret itself. */
export type Target =
  | { readonly kind: "webhook"; readonly url: string; readonly secret: string }
  | {
      readonly kind: "slack";
      readonly conversation: string;
      readonly botToken: string;
      readonly signingSecret: string;
      /** With it, clicks come over a connection that we open. */
      readonly appToken?: string | undefined;
    }
  /** `webhook` names the secret that is the Workflows webhook's URL. */
  | { readonly kind: "teams"; readonly webhook: string }
  /** `smtp` names the secret that is the server's URL, with its login. */
  | { readonly kind: "email"; readonly smtp: string; readonly from: string; readonly to: readonly string[] };

export type TargetKind = Target["kind"];

/** One way to tell people of a tenant what waits for them. */
export interface Channel {
  readonly tenant: string;
  readonly name: string;
  /** Empty: every queue. */
  readonly queues: readonly string[];
  /** Zero: told at once; else told only of what still waits after so many seconds. */
  readonly afterSeconds: number;
  readonly target: Target;
}

/** What is told: that a call waits, that it waits for long, or what became of it. */
export type Notice = "requested" | "escalated" | "decided";

/** One message that is to be sent. */
export interface Planned {
  readonly channel: string;
  readonly recipient: string;
  readonly notice: Notice;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
}

/** Whom a new approval is told to, and when. */
export function noticesOf(channels: readonly Channel[], approval: { readonly queue: string; readonly now: number }): Planned[] {
  return channels
    .filter(({ queues }) => queues.length === 0 || queues.includes(approval.queue))
    .flatMap(({ name, target, afterSeconds }) =>
      recipientsOf(target).map((recipient) => ({
        channel: name,
        recipient,
        notice: afterSeconds === 0 ? ("requested" as const) : ("escalated" as const),
        dueAt: approval.now + afterSeconds * 1000,
      })),
    );
}

/** Each recipient's message is sent, tried again and counted alone. A changed address is the same recipient: what is due goes to the new one. */
export function recipientsOf(target: Target): readonly string[] {
  switch (target.kind) {
    case "webhook":
      return ["endpoint"];
    case "slack":
      return ["conversation"];
    case "teams":
      return ["workflow"];
    case "email":
      return target.to;
  }
}

/** How long a message is tried. Milliseconds. */
export const patienceMs = 24 * 60 * 60_000;

/** Doubles from `firstMs` to `capMs`; `attempts` counts those made. */
export const backoffMs = (attempts: number, { firstMs, capMs }: Backoff): number =>
  Math.min(firstMs * 2 ** Math.min(Math.max(attempts - 1, 0), 30), capMs);

export interface Backoff {
  readonly firstMs: number;
  readonly capMs: number;
}
