import { z } from "zod";

/**
 * What a person may do in a tenant; `org-auditor` holds across all tenants of an organisation. `enforcement-point` is for machines that
 * enforce policies by themselves, such as an OPA: they fetch bundles and report what they did.
 */
export const operatorRoles = [
  "admin",
  "policy-author",
  "policy-approver",
  "approver",
  "auditor",
  "finops",
  "soc",
  "org-auditor",
  "enforcement-point",
] as const;

export type OperatorRole = (typeof operatorRoles)[number];

/** Claims of an operator's OIDC token. `aegis_roles` maps a tenant, or "*" for every tenant, to roles. */
export const operatorClaims = z.object({
  iss: z.string(),
  sub: z.string().min(1),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  aegis_roles: z.record(z.string(), z.array(z.enum(operatorRoles))),
});

/** One spelling per person, so that "user:Alice@acme.test" and "alice@acme.test" are the same one. */
export const person = (name: string): string =>
  name
    .normalize("NFKC")
    .trim()
    .toLowerCase()
    .replace(/^user:/, "");

/** The audience every operator token must name. */
export const operatorAudience = "aegis-control";
