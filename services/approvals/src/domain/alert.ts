import { type BreakerCause, breakerCauses } from "@aegis/contracts/breaker-causes";
import { type Channel, recipientsOf } from "./channel.ts";
import { visible } from "./visible.ts";

/** An agent or a prompt that a circuit breaker paused. Times are RFC 3339. */
export interface Alert {
  /** `agent/<agent>` or `prompt/<id, percent-encoded>`. */
  readonly scope: string;
  readonly cause: BreakerCause;
  readonly at: string;
  /** Nothing goes ahead before. */
  readonly until: string;
}

/** The queue that channels name to hear of what is paused. */
const alertQueue = "alerts";

/** Nobody is told of a pause that has been over for so long. Milliseconds. */
export const staleMs = 3_600_000;

/**
 * Who is told: channels that are told at once, and are for every queue or for `alerts`. Where there is none such, all that are told at
 * once: an agent that was paused is not left unseen.
 */
export function recipientsOfAlert(channels: readonly Channel[]): { readonly channel: string; readonly recipient: string }[] {
  const atOnce = channels.filter(({ afterSeconds }) => afterSeconds === 0);
  const meant = atOnce.filter(({ queues }) => queues.length === 0 || queues.includes(alertQueue));
  return (meant.length > 0 ? meant : atOnce).flatMap(({ name, target }) =>
    recipientsOf(target).map((recipient) => ({ channel: name, recipient })),
  );
}

/** Who or what is paused, in words. */
export function pausedOf({ scope }: Alert): string {
  const [kind, name = ""] = scope.split("/");
  return visible(`${kind} ${decodeURIComponent(name)}`, 400);
}

/** The lines a message about it has, each with its name; shortened to what any platform takes. */
export function alertLines(tenant: string, alert: Alert): [string, string][] {
  const [kind, name = ""] = alert.scope.split("/");
  // Quoted for a shell: a prompt's id is whatever somebody called it.
  const who = kind === "prompt" ? `--prompt '${decodeURIComponent(name).replaceAll("'", `'\\''`)}'` : name;
  const rows: [string, string][] = [
    ["Paused", `${pausedOf(alert)} (tenant ${tenant})`],
    ["Why", breakerCauses[alert.cause]],
    ["Until", `${alert.until} at least; then one call at a time goes ahead as a probe`],
    ["Let it go on now", `aegis budget reset ${who} --tenant ${tenant}`],
  ];
  return rows.map(([label, value]) => [label, visible(value, 600)]);
}
