import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { DecisionData } from "@aegis/contracts/decision-event";
import { detectorNames, scan } from "@aegis/dlp/detect";
import { redact } from "@aegis/dlp/redact";
import type { RecordedDecision } from "../src/analysis/recorded-call.ts";

/** A call before anybody decided it. */
export interface GeneratedCall {
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  readonly url?: string;
  readonly method?: string;
  readonly purpose?: string;
}

/** Random numbers that come again for the same seed (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  text(alphabet: string, length: number): string {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)]).join("");
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** The first of them most often, each next one rarer. */
  tailed<T>(from: readonly T[]): T {
    for (const [index, one] of from.entries()) if (this.next() < 0.45 || index === from.length - 1) return one;
    return from[0] as T;
  }
}

const lower = "abcdefghijklmnopqrstuvwxyz";
const alphanumeric = `${lower}0123456789`;
const words = "invoice for the month of march april paid supplier travel meal hotel refund order late fee discount consulting hours".split(
  " ",
);

/** One call of a busy agent of many habits. */
export function generatedCall(chance: Chance, at: number): GeneratedCall {
  const kind = chance.next();
  if (kind < 0.4) return payment(chance);
  if (kind < 0.6) return mail(chance);
  if (kind < 0.8) return record(chance, at);
  if (kind < 0.95) return order(chance, at);
  if (kind < 0.999)
    return {
      tool: "calendar",
      action: "list",
      arguments: { day: `2026-0${1 + chance.below(9)}-${10 + chance.below(18)}`, limit: chance.pick([10, 20, 50]) },
    };
  return { tool: "calendar", action: "purge", arguments: { all: true } };
}

const words_ = (chance: Chance, most: number): string => Array.from({ length: 1 + chance.below(most) }, () => chance.pick(words)).join(" ");

function payment(chance: Chance): GeneratedCall {
  return {
    tool: "stripe-payments",
    action: chance.tailed(["create_payment", "create_payout"]),
    arguments: {
      amount: Math.round(100 * Math.exp(4 + chance.normal())) / 100,
      currency: chance.tailed(["USD", "EUR", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK"]),
      recipient: `acct_${chance.text(alphanumeric, 12 + chance.below(5))}`,
      memo: `${words_(chance, 12)}${chance.pick(["", ".", ", thanks", " (urgent)"])}`,
      ...(chance.next() < 0.05 ? { reference: `INV-2026-${chance.text("0123456789", 6)}` } : {}),
      ...(chance.next() < 0.3 ? { metadata: { cost_center: `cc-${chance.text("0123456789", 3)}`, approved: chance.next() < 0.5 } } : {}),
    },
    url: `https://api.stripe.com/v1/${chance.pick(["payments", "payouts"])}`,
    method: "POST",
    purpose: "payables",
  };
}

function mail(chance: Chance): GeneratedCall {
  return {
    tool: "mail",
    action: "send",
    arguments: {
      to: `${chance.text(lower, 3 + chance.below(8))}@${chance.pick(["acme.test", "example.com", "supplier.example"])}`,
      subject: words_(chance, 6),
      body: Array.from({ length: 1 + chance.below(6) }, () => words_(chance, 20)).join("\n"),
      cc: Array.from({ length: chance.below(3) }, () => `team-${chance.text(lower, 4)}`),
    },
    purpose: "payables",
  };
}

function record(chance: Chance, at: number): GeneratedCall {
  const id = `${chance.text("0123456789abcdef", 8)}-${chance.text("0123456789abcdef", 4)}-4${chance.text("0123456789abcdef", 3)}-a${chance.text("0123456789abcdef", 3)}-${chance.text("0123456789abcdef", 12)}`;
  return {
    tool: "ehr",
    action: chance.pick(["read", "read", "read", "annotate"]),
    arguments: {
      record: id,
      version: 1 + chance.below(40),
      since: 1_760_000_000 + at * 60 + chance.below(60),
      fields: Array.from({ length: 1 + chance.below(4) }, () => chance.pick(["name", "allergies", "visits", "billing"])),
      verbose: chance.next() < 0.1,
    },
    url: `https://ehr.internal/patients/acme/records/${id}`,
    method: "GET",
    purpose: chance.pick(["care", "payables"]),
  };
}

function order(chance: Chance, at: number): GeneratedCall {
  return {
    tool: "shop",
    action: "place_order",
    arguments: {
      order_id: 400_000 + at,
      lines: Array.from({ length: 1 + chance.below(5) }, () => ({
        sku: `SKU-${chance.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3)}-${chance.text("0123456789", 4)}`,
        quantity: 1 + chance.below(12),
        ...(chance.next() < 0.2 ? { note: words_(chance, 5) } : {}),
      })),
      address: {
        street: `${1 + chance.below(200)} ${chance.pick(words)} street`,
        zip: chance.text("0123456789", 5),
        country: chance.pick(["US", "DE", "FR"]),
      },
      discount: chance.next() < 0.5 ? null : Math.round(chance.next() * 30),
    },
    purpose: "payables",
  };
}

export type Mutation = (call: GeneratedCall, chance: Chance) => GeneratedCall | undefined;

/** Ways in which a call stops being one of the agent's; undefined where a call has nothing to change. */
export const mutations: Readonly<Record<string, Mutation>> = {
  "another tool": (call) => ({ ...call, tool: `${call.tool}-admin` }),
  "another action": (call) => ({ ...call, action: `${call.action}_all` }),
  "an unknown parameter": (call) => ({ ...call, arguments: { ...call.arguments, force: true } }),
  "a parameter missing": (call) => {
    const [first] = Object.keys(call.arguments);
    return first === undefined ? undefined : { ...call, arguments: without(call.arguments, first) };
  },
  "another type": (call, chance) =>
    changed(
      call,
      chance,
      () => true,
      (value) => (typeof value === "string" ? 7 : typeof value === "number" ? String(value) : "yes"),
    ),
  "a number out of range": (call, chance) => {
    const limits: Readonly<Record<string, number>> = { amount: 6_000, version: 40, limit: 50, since: 1_760_900_000, order_id: 435_000 };
    return changed(
      call,
      chance,
      (value, name) => typeof value === "number" && limits[name] !== undefined,
      (_, name) => 10 * (limits[name] ?? 1),
    );
  },
  "another recipient": (call) =>
    call.arguments.recipient === undefined ? undefined : { ...call, arguments: { ...call.arguments, recipient: "eve@evil.example" } },
  "another host": (call) => (call.url === undefined ? undefined : { ...call, url: call.url.replace(/\/\/[^/]+/, "//evil.example") }),
  "another path": (call) => (call.url === undefined ? undefined : { ...call, url: `${call.url}/export/all` }),
  "a value inside": (call) => {
    const { lines, metadata } = call.arguments;
    if (Array.isArray(lines))
      return { ...call, arguments: { ...call.arguments, lines: lines.map((line) => ({ ...(line as JsonObject), quantity: 5_000 })) } };
    return metadata === undefined
      ? undefined
      : { ...call, arguments: { ...call.arguments, metadata: { ...(metadata as JsonObject), admin: true } } };
  },
};

function changed(
  call: GeneratedCall,
  chance: Chance,
  fits: (value: JsonValue, name: string) => boolean,
  to: (value: JsonValue, name: string) => JsonValue,
): GeneratedCall | undefined {
  const names = Object.entries(call.arguments).filter(([name, value]) => value !== null && fits(value, name));
  if (names.length === 0) return undefined;
  const [name, value] = chance.pick(names);
  return { ...call, arguments: { ...call.arguments, [name]: to(value, name) } };
}

const without = (object: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([other]) => other !== name));

/** The record of a call as authz writes it, redacted. */
export function recordOf(call: GeneratedCall, at: number, change: Partial<DecisionData> = {}): RecordedDecision {
  const findings = scan(call.arguments, detectorNames);
  const hidden = redact(
    call.arguments,
    findings.map((finding) => ({ finding, action: "redact" as const })),
    { hashKey: new Uint8Array(32) },
  );
  const id = `0198a5d0-0000-7000-8000-${at.toString(16).padStart(12, "0")}`;
  return {
    time: new Date(Date.UTC(2026, 9, 1) + at * 60_000).toISOString(),
    data: {
      decisionId: id,
      decision: "allow",
      reasons: [],
      kind: "check",
      principal: {
        org: "acme",
        tenant: "acme",
        agent: "finance-agent",
        subject: "finance-agent",
        chain: ["finance-agent"],
        depth: 0,
        instance: "one",
        tokenId: "t",
      },
      tool: call.tool,
      action: call.action,
      arguments: hidden.value as JsonObject,
      redactions: hidden.redactions.map(({ pointer, detector, count }) => ({ pointer, detector, count })),
      ...(call.url !== undefined && { destination: { url: call.url, method: call.method, declaredBy: "sdk" as const } }),
      context: { ...(call.purpose !== undefined && { purpose: call.purpose }) },
      actionDigest: `sha256:${"0".repeat(64)}`,
      policyVersion: "1-000000000000",
      dryRun: false,
      reservations: [],
      latencyMs: 1,
      pep: "grpc",
      producer: { id: "authz-0", epoch: "e", sequence: at + 1 },
      ...change,
    },
  };
}
