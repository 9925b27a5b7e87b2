import { digestOf } from "@aegis/canonical/digest";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import type { ApprovalNeed, EvaluationInput, Redaction } from "../input.ts";
import type { ActionRule, DlpAction, Durability } from "../ir.ts";
import { defaultApproval } from "../language/lower.ts";
import type { Findings } from "./parameters.ts";
import type { PreparedDlp } from "./prepared.ts";

/** Collects what policies say about one call. The most severe wins; all reasons stay, in the order they came. */
export class Outcome implements Findings {
  readonly reasons: Reason[] = [];
  readonly redactions: Redaction[] = [];
  /** Rules that allow, deny or ask, in source order. */
  readonly rules: ActionRule[] = [];
  /** A stage failed that ends the evaluation: nothing more is collected. */
  stopped = false;
  #denied = false;
  #denyDigest: string | undefined;
  readonly #asking: ActionRule[] = [];
  #current: ActionRule | undefined;

  /** The rule that following findings belong to. */
  enter(rule: ActionRule): void {
    this.#current = rule;
    this.rules.push(rule);
  }

  leave(): void {
    this.#current = undefined;
  }

  deny(reason: Reason, digest: string | undefined = this.#current?.digest): void {
    this.#denied = true;
    this.#denyDigest ??= digest;
    this.reasons.push(reason);
  }

  violation(reason: Reason, approvable: boolean): void {
    if (approvable && this.#current !== undefined) this.ask(reason, this.#current);
    else this.deny(reason);
  }

  ask(reason: Reason, rule: ActionRule): void {
    if (this.#asking.at(-1) !== rule) this.#asking.push(rule);
    this.reasons.push(reason);
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
    return (this.#asking[0] ?? this.rules[0])?.digest;
  }

  /** The strictest of what the asking rules want: the first queue, the largest quorum, the earliest expiry. */
  get approval(): ApprovalNeed | undefined {
    const [first, ...others] = this.#asking.map(({ approval }) => approval ?? defaultApproval);
    if (first === undefined || this.#denied) return undefined;
    return {
      queue: first.queue,
      quorum: others.reduce((most, { quorum }) => Math.max(most, quorum), first.quorum),
      expiresSeconds: others.reduce((least, { expiresSeconds }) => Math.min(least, expiresSeconds), first.expiresSeconds),
    };
  }

  get durability(): Durability {
    if (this.#denied) return "T2";
    if (this.rules.some(({ durability }) => durability === "T0")) return "T0";
    const reads = this.#asking.length === 0 && this.rules.length > 0 && this.rules.every(({ durability }) => durability === "T2");
    return reads ? "T2" : "T1";
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
      else this.reasons.push(reason);
    }
  }
}

/** A mask shows part of a value and a hash shows equality, so a full redaction beats both. */
const strength: Readonly<Record<DlpAction, number>> = { mask: 1, hash: 2, redact: 3, deny: 4 };
