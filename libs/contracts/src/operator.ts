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

/** One spelling per person, so that "user:Alice@acme.test" and "alice@acme.test" are the same one. */
export const person = (name: string): string =>
  name
    .normalize("NFKC")
    .trim()
    .toLowerCase()
    .replace(/^user:/, "");

/** The audience every operator token must name. */
export const operatorAudience = "aegis-control";

/** The key of an organisation in `aegis_roles`; no tenant's name has a colon. */
export const orgKey = (org: string): string => `org:${org}`;
