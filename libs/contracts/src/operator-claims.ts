import { z } from "zod";
import { operatorRoles } from "./operator.ts";

/**
 * Claims of an operator's OIDC token. `aegis_roles` maps a tenant, or "*" for every tenant, to roles; `org:<name>` can hold `org-auditor`
 * alone, over all tenants of the organisation.
 */
export const operatorClaims = z.object({
  iss: z.string(),
  sub: z.string().min(1),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  aegis_roles: z.record(z.string(), z.array(z.enum(operatorRoles))),
});
