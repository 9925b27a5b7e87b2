import type { Account as AccountMessage } from "@aegis/contracts/aegis/budget/v1/budget";
import { budgetUnit } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import { z } from "zod";
import { scopePattern } from "#domain/scope.ts";
import type { Account } from "#domain/target.ts";

export const unitName = budgetUnit;
export const windowName = z.enum(["hour", "day", "week", "month", "prompt", "session"]);
export const scopeName = z.string().max(600).regex(scopePattern, "not a scope of a budget");
export const id = z.uuid();
/** PostgreSQL keeps no NUL in text. */
export const text = z
  .string()
  .max(256)
  .regex(/^[^\0]*$/);
export const holderName = text.min(1);
export const usageRequest = z.object({ tenant: tenantName, agent: agentName, usageId: text.min(1) });
export const spawnRequest = z.object({ tenant: tenantName, parent: agentName, child: agentName, promptId: text, sessionId: text });
/** What has a breaker: an agent, or a prompt. */
const breakerScope = z
  .string()
  .max(600)
  .regex(/^(?:agent\/[a-z0-9-]{1,63}|prompt\/[^/\s]{1,400})$/, "not the scope of a breaker");
export const tripRequest = z.object({ tenant: tenantName, agent: agentName, cause: z.enum(["denied", "failures"]) });
export const probeRequest = z.object({ tenant: tenantName, scopes: z.array(breakerScope).min(1).max(4), decisionId: id });
export const admitRequest = z.object({
  tenant: tenantName,
  scopes: z.array(scopeName).min(1).max(8),
  calls: z.int().min(0).max(100_000),
  returned: z.int().min(0).max(100_000),
});

const account = z.object({ tenant: tenantName, scope: scopeName, unit: unitName, window: windowName });

/** @throws AegisError `invalid_argument` naming the field. */
export function check<S extends z.ZodType>(schema: S, value: unknown, field: string): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AegisError("invalid_argument", `${[field, ...(issue?.path ?? [])].join(".")}: ${issue?.message ?? "not usable"}`);
}

export function accountOf(message: AccountMessage | undefined): Account {
  if (message === undefined) throw new AegisError("invalid_argument", "account: missing");
  return check(account, message, "account");
}

export function amountsOf(
  messages: readonly { account?: AccountMessage | undefined; units: bigint }[],
): { account: Account; units: number }[] {
  if (messages.length > 64) throw new AegisError("invalid_argument", "amounts: more than 64");
  const amounts = messages.map((one) => ({ account: accountOf(one.account), units: units(one.units, "units") }));
  const names = new Set(amounts.map(({ account: { tenant, scope, unit, window } }) => [tenant, scope, unit, window].join("\n")));
  if (names.size < amounts.length) throw new AegisError("invalid_argument", "amounts: an account is named twice");
  return amounts;
}

/** Whole, not negative, and exact as a number. */
export function units(value: bigint, field: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new AegisError("invalid_argument", `${field}: not a number of units`);
  return Number(value);
}
