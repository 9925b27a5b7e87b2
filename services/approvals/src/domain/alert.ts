import { type BreakerCause, breakerCauses } from "@aegis/contracts/breaker-causes";
import { type Channel, recipientsOf } from "./channel.ts";
import { visible } from "./visible.ts";

/** What people are told of without being asked anything. */
export type Alert = Pause | LowBudget;

/** A budget that runs low, `percent` of it being used, or is out: then there is no `percent`. Amounts are whole units of the account. */
export interface LowBudget {
  readonly scope: string;
  readonly unit: string;
  readonly window: string;
  readonly limit: number;
  readonly used: number;
  readonly percent?: number;
}

/** An agent or a prompt that a circuit breaker paused. Times are RFC 3339. */
interface Pause {
  /** `agent/<agent>` or `prompt/<id, percent-encoded>`. */
  readonly scope: string;
  readonly cause: BreakerCause;
  readonly at: string;
  /** Nothing goes ahead before. */
  readonly until: string;
}

/** The queue that channels name to hear of what is paused, and of budgets. */
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

/** A prompt's or a session's budget is meant to be used up: of those nobody is told. */
export const isTold = ({ scope }: LowBudget): boolean => !/^(?:prompt|session)\//.test(scope);

/** What a message says first. */
export function alertTitle(alert: Alert): string {
  const whose = nameOf(alert);
  if ("cause" in alert) return `${whose} was paused`;
  return alert.percent === undefined ? `a budget of ${whose} is out` : `${alert.percent} % of a budget of ${whose} is used`;
}

/** Who or what it is about, in words. */
function nameOf({ scope }: Alert): string {
  const [kind, name] = scope.split("/");
  return visible(name === undefined ? `the ${kind === "org" ? "organisation" : kind}` : `${kind} ${decodeURIComponent(name)}`, 400);
}

/** The lines a message about it has, each with its name; shortened to what any platform takes. */
export function alertLines(tenant: string, alert: Alert): [string, string][] {
  const rows = "cause" in alert ? pauseLines(tenant, alert) : budgetLines(tenant, alert);
  return rows.map(([label, value]) => [label, visible(value, 600)]);
}

function budgetLines(tenant: string, alert: LowBudget): [string, string][] {
  const [, currency] = /^micro_([a-z]{3})$/.exec(alert.unit) ?? [];
  const shown = (units: number) =>
    currency === undefined ? `${units} ${alert.unit}` : `${(units / 1e6).toFixed(2)} ${currency.toUpperCase()}`;
  return [
    ["Budget", `${nameOf(alert)}, per ${alert.window} (tenant ${tenant})`],
    ["Used", `${shown(alert.used)} of ${shown(alert.limit)}`],
    ["Until it is raised or the window ends", alert.percent === undefined ? "calls that it does not hold are denied" : "calls go on"],
    ["Look at it", `aegis budget show --tenant ${tenant}`],
  ];
}

function pauseLines(tenant: string, alert: Pause): [string, string][] {
  const [kind, name = ""] = alert.scope.split("/");
  // Quoted for a shell: a prompt's id is whatever somebody called it.
  const who = kind === "prompt" ? `--prompt '${decodeURIComponent(name).replaceAll("'", `'\\''`)}'` : name;
  return [
    ["Paused", `${nameOf(alert)} (tenant ${tenant})`],
    ["Why", breakerCauses[alert.cause]],
    ["Until", `${alert.until} at least; then one call at a time goes ahead as a probe`],
    ["Let it go on now", `aegis budget reset ${who} --tenant ${tenant}`],
  ];
}
