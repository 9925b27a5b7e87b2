import { segmentsOf } from "@aegis/canonical/pointer";
import type { OutsideAlgorithm } from "@aegis/identity/outside";

export const issuerKinds = ["user", "workload"] as const;

/** Which tokens of an issuer speak for which agents. */
export interface TrustRule {
  /** Claim → pattern; all must match. A claim that begins with "/" is a JSON pointer into the claims. */
  readonly match: Readonly<Record<string, string>>;
  /** For a user's issuer: the agents that may act for such users. For a workload's: the agents that such a workload is. */
  readonly agents: readonly string[];
}

/** An issuer outside whose tokens a tenant's agents may make use of. */
export interface TrustedIssuer {
  readonly tenant: string;
  readonly name: string;
  readonly kind: (typeof issuerKinds)[number];
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly OutsideAlgorithm[];
  /** Where its key set is; else `jwks` is the set. */
  readonly jwksUri?: string | undefined;
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | undefined;
  /** Put before the subjects of a user's issuer; of a tenant's issuers no two have the same. */
  readonly prefix: string;
  readonly rules: readonly TrustRule[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly createdBy: string;
}

/** Whether a verified token of the issuer speaks for an agent. */
export function speaksFor(rules: readonly TrustRule[], claims: Readonly<Record<string, unknown>>, agent: string): boolean {
  return rules.some(
    (rule) =>
      rule.agents.includes(agent) && Object.entries(rule.match).every(([claim, pattern]) => matches(claimOf(claims, claim), pattern)),
  );
}

/** The user as our tokens name it. Slashes of the issuer's own name are escaped, so that no prefix can be imitated. */
export function userSubject({ prefix }: Pick<TrustedIssuer, "prefix">, sub: string): string | undefined {
  const escaped = sub.replaceAll("%", "%25").replaceAll("/", "%2F");
  const subject = `user:${prefix === "" ? "" : `${prefix}/`}${escaped}`;
  return /^user:[\x21-\x7e]{1,250}$/.test(subject) ? subject : undefined;
}

function claimOf(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!name.startsWith("/")) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  return segmentsOf(name).reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null && Object.hasOwn(at, step) ? (at as never)[step] : undefined),
    claims,
  );
}

/** `*` alone is any text; within a pattern it stands for one part between `/` and `:`. */
function matches(value: unknown, pattern: string): boolean {
  if (Array.isArray(value)) return value.some((one) => typeof one === "string" && matches(one, pattern));
  if (typeof value !== "string" || value === "") return false;
  if (pattern === "*") return true;
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^/:\\s]+")}$`, "u").test(value);
}
