import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

/** Which entries a hold keeps; without any of it all of the tenant's. Times are RFC 3339. */
export interface HoldScope {
  agent?: string | undefined;
  prompt?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface Hold extends HoldScope {
  id: string;
  tenant: string;
  reason: string;
  placedBy: string;
  placedAt: string;
  released?: { by: string; at: string; reason: string };
}

/** What retention did to a tenant's ledger. */
export interface Retention {
  tenant: string;
  days: number;
  retired: { entries: number; last?: number };
  /** When the oldest entry that is left was recorded. */
  oldest?: string;
  /** Of all tenants. */
  months: { name: string; until?: string; bytes: number }[];
  holds: Hold[];
}

/** Retention and legal holds of the chosen tenant; changes are an admin's. */
export async function retentionClient(context: Context, role: "admin" | "auditor" = "auditor") {
  const tenant = context.tenant();
  const service = await control(context, "audit", { role, tenant });
  const post = (json: object) => ({ method: "POST", json });
  return {
    show: () => service.json<Retention>(`/v1/retention${query({ tenant })}`),
    holds: async () => (await service.json<{ holds: Hold[] }>(`/v1/holds${query({ tenant })}`)).holds,
    place: (reason: string, scope: HoldScope) => service.json<Hold>("/v1/holds", post({ tenant, reason, ...scope })),
    release: (id: string, reason: string) => service.raw(`/v1/holds/${encodeURIComponent(id)}/release`, post({ tenant, reason })),
  };
}
