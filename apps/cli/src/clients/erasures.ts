import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

/** An erasure of a data subject, known by a pseudonym. */
export interface Erasure {
  tenant: string;
  id: string;
  subject: string;
  state: "proposed" | "erased" | "expired";
  reason: string;
  by: string;
  askedAt: string;
  approver?: string;
  doneAt?: string;
  expiresAt?: string;
  /** Keys that were destroyed just now. */
  keys?: number;
}

const admin = (context: Context, user?: string) => control(context, "audit", { role: "admin", tenant: context.tenant(), user });

/** Destroys the keys of a data subject, or has it wait for a second person. */
export async function erase(
  context: Context,
  what: { readonly subject?: string | undefined; readonly pseudonym?: string | undefined; readonly reason: string },
  user: string | undefined,
): Promise<Erasure> {
  return (await admin(context, user)).json<Erasure>("/v1/erasures", { json: { tenant: context.tenant(), ...what } });
}

/** Newest first. */
export async function listErasures(context: Context): Promise<Erasure[]> {
  const service = await control(context, "audit", { role: "auditor", tenant: context.tenant() });
  return (await service.json<{ erasures: Erasure[] }>(`/v1/erasures${query({ tenant: context.tenant() })}`)).erasures;
}

/** Agrees to what somebody else asked for, and has it done. */
export async function agreeToErase(context: Context, id: string, user: string | undefined): Promise<Erasure> {
  const path = `/v1/erasures/${encodeURIComponent(id)}:approve${query({ tenant: context.tenant() })}`;
  return (await admin(context, user)).json<Erasure>(path, { method: "POST" });
}
