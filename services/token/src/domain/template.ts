import { uncovered } from "@aegis/identity/scope";
import { type AgentKind, type RiskTier, riskTiers, type ScopeReview } from "./agent.ts";

/** What agents of one sort are. */
export interface Template {
  readonly tenant: string;
  readonly name: string;
  readonly purpose: string;
  readonly kind: AgentKind;
  /** No agent made from it is of a lower tier. */
  readonly risk: RiskTier;
  /** The widest that an agent made from it can have. */
  readonly scope: readonly string[];
  readonly mayAct: readonly string[];
  readonly scopeReviews: readonly ScopeReview[];
  readonly createdAt: number;
  readonly createdBy: string;
}

/** What a registration may leave to its template. */
export type Templated = { readonly [Member in keyof Described]?: Described[Member] | undefined };

type Described = Pick<Template, "purpose" | "kind" | "risk" | "scope" | "mayAct" | "scopeReviews">;

/** A registration with what it left out taken from its template, or why it is beyond the template. */
export function fromTemplate<T extends Templated>(
  template: Template,
  given: T,
): { readonly ok: true; readonly registration: Omit<T, keyof Templated> & Described } | { readonly ok: false; readonly why: string } {
  const { purpose, kind, risk, scope, mayAct, scopeReviews } = template;
  const registration = {
    ...given,
    purpose: given.purpose ?? purpose,
    kind: given.kind ?? kind,
    risk: given.risk ?? risk,
    scope: given.scope ?? scope,
    mayAct: given.mayAct ?? mayAct,
    scopeReviews: given.scopeReviews ?? scopeReviews,
  };
  const wider = uncovered(scope, registration.scope);
  if (wider.length > 0) return beyond(template, wider.join(" "));
  const parent = registration.mayAct.find((name) => !mayAct.includes(name));
  if (parent !== undefined) return beyond(template, `to act for ${parent}`);
  if (riskTiers.indexOf(registration.risk) < riskTiers.indexOf(risk)) return beyond(template, `the risk tier ${registration.risk}`);
  if (registration.kind !== kind) return beyond(template, `the kind ${registration.kind}`);
  return { ok: true, registration };
}

const beyond = ({ name }: Template, what: string) => ({ ok: false as const, why: `the template ${name} does not allow ${what}` });
