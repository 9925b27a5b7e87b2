import { digestOf } from "@aegis/canonical/digest";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import type { Environment } from "../cel/expression.ts";
import type { ApprovalNeed, EvaluationInput, Redaction } from "../input.ts";
import { type ActionRule, type DlpAction, type Durability, defaultApproval } from "../ir.ts";
import { environmentOf } from "./environment.ts";
import type { Findings } from "./parameters.ts";
import type { PreparedAction, PreparedDlp } from "./prepared.ts";

/** What a reason does to the decision. */
export type Effect = "deny" | "ask" | "note";

/** A rule that a person may lift. One for all of an agent's actions names no way to that person: it takes the action's. */
export interface Asking {
  readonly digest: string;
  readonly approval?: ApprovalNeed;
  readonly agentWide?: true;
}

/** Collects what policies say about one call. The most severe wins; all reasons stay, in the order they came. */
export class Outcome implements Findings {
  readonly reasons: Reason[] = [];
  /** What each reason does, by its position. */
  readonly effects: Effect[] = [];
  readonly redactions: Redaction[] = [];
  /** Rules that allow, deny or ask, in source order. */
  readonly rules: PreparedAction[] = [];
  /** A stage failed that ends the evaluation: nothing more is collected. */
  stopped = false;
  #denied = false;
  #denyDigest: string | undefined;
  readonly #asking: Asking[] = [];
  readonly #always: { readonly reason: Reason; readonly rule: ActionRule }[] = [];
  #current: ActionRule | undefined;
  #environment: Environment | undefined;

  /** The rule that following findings belong to. */
  enter(rule: PreparedAction): void {
    this.#current = rule.source;
    this.rules.push(rule);
  }

  leave(): void {
    this.#current = undefined;
  }

  /** What expressions speak of: made once a call, by the first of them. */
  environment(input: EvaluationInput): Environment {
    this.#environment ??= environmentOf(input);
    return this.#environment;
  }

  deny(reason: Reason, digest: string | undefined = this.#current?.digest): void {
    this.#denied = true;
    this.#denyDigest ??= digest;
    this.reasons.push(reason);
    this.effects.push("deny");
  }

  violation(reason: Reason, approvable: boolean): void {
    if (approvable && this.#current !== undefined) this.ask(reason, this.#current);
    else this.deny(reason);
  }

  ask(reason: Reason, rule: Asking): void {
    if (!this.#asking.includes(rule)) this.#asking.push(rule);
    this.reasons.push(reason);
    this.effects.push("ask");
  }

  /** The rule wants every call approved: said at `askAlways`, after all else that is found. */
  askFinally(reason: Reason, rule: ActionRule): void {
    this.#always.push({ reason, rule });
  }

  askAlways(): void {
    for (const { reason, rule } of this.#always) this.ask(reason, rule);
  }

  /** A reason that changes no decision. */
  note(reason: Reason): void {
    this.reasons.push(reason);
    this.effects.push("note");
  }

  get denied(): boolean {
    return this.#denied;
  }

  get decision(): DecisionName {
    if (this.#denied) return "deny";
    if (this.#asking.length > 0) return "approval_needed";
    return this.redactions.length > 0 ? "sanitize" : "allow";
  }

  /** The rule that decided; several that ask are named together, since one approval answers all of them. */
  get ruleDigest(): string | undefined {
    if (this.#denied) return this.#denyDigest;
    if (this.#asking.length > 1) return digestOf(this.#asking.map(({ digest }) => digest));
    return (this.#asking[0] ?? this.rules[0]?.source)?.digest;
  }

  /** The strictest of what the asking rules want: the first queue, the largest quorum, the earliest expiry. */
  get approval(): ApprovalNeed | undefined {
    if (this.#denied || this.#asking.length === 0) return undefined;
    const [first, ...others] = this.#asking.map((rule) =>
      rule.agentWide
        ? (this.rules.find(({ source }) => source.approval)?.source.approval ?? defaultApproval)
        : (rule.approval ?? defaultApproval),
    );
    if (first === undefined) return undefined;
    return {
      queue: first.queue,
      quorum: others.reduce((most, { quorum }) => Math.max(most, quorum), first.quorum),
      expiresSeconds: others.reduce((least, { expiresSeconds }) => Math.min(least, expiresSeconds), first.expiresSeconds),
    };
  }

  /** How safely the decision must be kept. `known`: what the catalog says of the action, where no rule speaks of it. */
  durability(known: Durability | undefined): Durability {
    if (this.#denied) return "T2";
    const wanted = this.rules.length > 0 ? this.rules.map(({ source }) => source.durability) : [known ?? "T1"];
    if (wanted.includes("T0")) return "T0";
    return this.#asking.length === 0 && wanted.every((each) => each === "T2") ? "T2" : "T1";
  }

  /** Applies DLP rules to what the detectors found: the strongest action on each finding, one reason for each place and detector. */
  sanitize(rules: readonly PreparedDlp[], findings: EvaluationInput["findings"]): void {
    const named = new Set<string>();
    for (const finding of findings) {
      let strongest: PreparedDlp | undefined;
      for (const rule of rules) {
        if (!rule.detectors.has(finding.detector) || !rule.covers(finding.pointer)) continue;
        if (strongest === undefined || strength[rule.action] > strength[strongest.action]) strongest = rule;
      }
      if (strongest === undefined) continue;
      const { action, rule } = strongest;
      if (action !== "deny") this.redactions.push({ finding, action });
      const key = `${finding.detector} ${finding.pointer} ${action === "deny"}`;
      if (named.has(key)) continue;
      named.add(key);
      const reason: Reason = { code: "pii_found", message: `${finding.detector} found`, pointer: finding.pointer, rule };
      if (action === "deny") this.deny(reason);
      else this.note(reason);
    }
  }
}

/** A mask shows part of a value and a hash shows equality, so a full redaction beats both. */
const strength: Readonly<Record<DlpAction, number>> = { mask: 1, hash: 2, redact: 3, deny: 4 };
