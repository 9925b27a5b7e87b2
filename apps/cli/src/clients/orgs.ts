import type { Context } from "../context.ts";
import { control } from "./control.ts";

/** Says which organisation a tenant belongs to; null: to none. */
export async function assignOrg(context: Context, tenant: string, org: string | null): Promise<{ tenant: string; org: string | null }> {
  const service = await control(context, "token", { role: "admin", tenant: "*" });
  return service.json(`/v1/tenants/${encodeURIComponent(tenant)}/org`, { method: "PUT", json: { org } });
}

export async function tenantsOf(context: Context, org: string): Promise<string[]> {
  const service = await control(context, "token", { role: "admin", tenant: "*" });
  return (await service.json<{ tenants: string[] }>(`/v1/orgs/${encodeURIComponent(org)}/tenants`)).tenants;
}
