import type { JsonObject } from "@aegis/canonical/ijson";
import { parseDestination } from "../../engine/egress.ts";
import { incompleteness, type RecordedDecision } from "../recorded-call.ts";
import { withHiddenNumbers } from "./redacted-text.ts";

/** Where one call went, as the engine reads it. */
export interface SeenDestination {
  readonly host: string;
  readonly path: string;
  readonly method: string | undefined;
}

export interface ActionTraffic {
  readonly tool: string;
  readonly action: string;
  calls: number;
  /** In the order the calls were made. */
  readonly arguments: JsonObject[];
}

/** Of one action, so many calls are looked at in full. */
const mostSamples = 20_000;
const mostSamplesInAll = 200_000;
const mostDestinations = 20_000;

export interface TrafficOptions {
  readonly agent: string;
  /** Dry runs count as calls: an agent that only tries is learned from what it tries. */
  readonly dryRuns?: boolean | undefined;
}

/** What an agent did, one recorded decision after the other. Only what was let through is learned from. */
export class Traffic {
  readonly actions = new Map<string, ActionTraffic>();
  readonly purposes = new Map<string | undefined, number>();
  readonly parents = new Map<string, number>();
  readonly destinations: SeenDestination[] = [];
  readonly #perMinute = new Map<number, number>();
  readonly #perDay = new Map<number, number>();
  readonly #options: TrafficOptions;
  #samples = 0;
  calls = 0;
  refused = 0;
  dryRuns = 0;
  incomplete = 0;
  /** Calls with a destination, also one that cannot be read. */
  addressed = 0;
  unreadable = 0;
  deepest = 0;
  direct = 0;
  first = "";
  last = "";

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  add({ time, data }: RecordedDecision): void {
    if (data.principal.agent !== this.#options.agent || data.kind !== "check") return;
    if (data.dryRun) this.dryRuns++;
    if (data.dryRun && this.#options.dryRuns !== true) return;
    if (data.decision !== "allow" && data.decision !== "sanitize") {
      this.refused++;
      return;
    }
    if (incompleteness(data) !== undefined) this.incomplete++;
    this.calls++;
    if (this.first === "" || time < this.first) this.first = time;
    if (time > this.last) this.last = time;
    const at = Date.parse(time);
    count(this.#perMinute, Math.floor(at / 60_000));
    count(this.#perDay, Math.floor(at / 86_400_000));
    count(this.purposes, data.context.purpose);
    this.#addPrincipal(data.principal.depth, data.principal.chain[1]);
    if (data.destination !== undefined) this.#addDestination(data.destination.url, data.destination.method);
    const key = `${data.tool}\n${data.action}`;
    const action = this.actions.get(key) ?? { tool: data.tool, action: data.action, calls: 0, arguments: [] };
    this.actions.set(key, action);
    action.calls++;
    if (action.arguments.length >= mostSamples || this.#samples >= mostSamplesInAll || Object.hasOwn(data.arguments, "aegis:omitted"))
      return;
    this.#samples++;
    action.arguments.push(withHiddenNumbers(data.arguments as JsonObject, data.redactions));
  }

  get mostPerMinute(): number {
    return greatest(this.#perMinute);
  }

  get mostPerDay(): number {
    return greatest(this.#perDay);
  }

  #addPrincipal(depth: number, parent: string | undefined): void {
    this.deepest = Math.max(this.deepest, depth);
    if (depth === 0) this.direct++;
    if (depth > 0 && parent !== undefined) count(this.parents, parent);
  }

  #addDestination(url: string, method: string | undefined): void {
    this.addressed++;
    const parsed = parseDestination(url);
    if (parsed === undefined) this.unreadable++;
    else if (this.destinations.length < mostDestinations) this.destinations.push({ ...parsed, method: method?.toUpperCase() });
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const greatest = (counts: ReadonlyMap<number, number>): number => counts.values().reduce((most, one) => Math.max(most, one), 0);
