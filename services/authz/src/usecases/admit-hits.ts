import { AegisError } from "@aegis/contracts/errors";
import type { Presented } from "./authenticate.ts";
import type { MayAct } from "./may-act.ts";
import type { Hold, Rates } from "./ports.ts";

/** More hits than this are not counted one by one. */
export const mostHits = 100;

/**
 * Lets hits of an agent through the rates of its own account, of a tool's and of its tenant's: all of them or none. Nothing else is decided
 * and nothing recorded.
 *
 * @throws AegisError `unauthenticated`, `permission_denied` for an agent that may not act at all.
 */
export type AdmitHits = (
  presented: Presented,
  asked: { readonly tool?: string | undefined; readonly hits: number },
) => Promise<{ readonly message: string; readonly retryAfter: number } | undefined>;

export function admitHits({ mayAct, rates }: { readonly mayAct: MayAct; readonly rates: Rates }): AdmitHits {
  return async (presented, { tool, hits }) => {
    const { principal, refusal } = await mayAct.who(presented);
    if (refusal) throw new AegisError("permission_denied", refusal.message);
    const scopes = [`agent/${principal.agent}`, "tenant", ...(tool === undefined ? [] : [`tool/${tool}`])];
    const answers = await Promise.all(Array.from({ length: hits }, () => rates.admit(principal.tenant, scopes)));
    const refused = answers.find((answer) => "message" in answer);
    if (refused === undefined) return undefined;
    for (const answer of answers) if (!("message" in answer)) (answer satisfies Hold).giveBack();
    return refused as { readonly message: string; readonly retryAfter: number };
  };
}
