import type { Principal } from "@aegis/contracts/decision-event";
import type { Reason, ReasonCode } from "@aegis/contracts/reasons";
import { refuseDetailed } from "@aegis/identity/details-permit";
import { judge } from "#domain/decide.ts";
import { mayAssertSubject, principalOf, refuseIdentity } from "#domain/principal.ts";
import type { AuthenticateAgent, Presented } from "./authenticate.ts";
import type { CheckPorts } from "./check.ts";

/** Questions about an agent rather than about one of its calls: nothing is decided and nothing recorded. */
export interface MayAct {
  /** Whose token it is, whether it may speak for users it names itself, and why it may not act at all. @throws AegisError `unauthenticated`. */
  who(presented: Presented): Promise<{ readonly principal: Principal; readonly asserts: boolean; readonly refusal?: Reason | undefined }>;
  /** Why the agent may not act at all; undefined when it may. @throws AegisError `unauthenticated`. */
  refusal(presented: Presented): Promise<Reason | undefined>;
  /** Of these actions of a tool, those that it may call with some arguments. @throws AegisError `unauthenticated`. */
  callable(presented: Presented, tool: string, actions: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What no other arguments would change. */
const hopeless: ReadonlySet<ReasonCode> = new Set([
  ...(["policy_missing", "policy_stale", "tool_not_allowed", "action_not_allowed", "explicitly_denied", "scope_missing"] as const),
  ...(["delegation_depth", "delegation_source", "drift_detected", "session_flow"] as const),
]);

export function mayAct(
  ports: Pick<CheckPorts, "revocations" | "policyOf" | "clock"> & { readonly authenticate: AuthenticateAgent },
): MayAct {
  const identify = async (presented: Presented) => {
    const { claims, expired, refusal } = await ports.authenticate({ agentToken: "" }, presented);
    const principal = principalOf(claims);
    const now = ports.clock.now().getTime();
    return { claims, expired, principal, now, refusal: refusal ?? refuseIdentity(principal, expired, ports.revocations, now) };
  };
  return {
    async who(presented) {
      const { principal, claims, refusal } = await identify(presented);
      return { principal, asserts: mayAssertSubject(claims), refusal };
    },
    refusal: async (presented) => (await identify(presented)).refusal,
    async callable(presented, tool, actions) {
      const { refusal, ...identity } = await identify(presented);
      if (refusal) return new Set();
      // Asked of them apart: no arguments are known yet.
      const claims = { ...identity.claims, authorization_details: undefined };
      const facts = {
        ...identity,
        claims,
        revocations: ports.revocations,
        active: ports.policyOf(identity.principal.tenant),
        findings: [],
      };
      return new Set(
        actions.filter((action) => {
          if (refuseDetailed(identity.claims, { tool, action }) !== undefined) return false;
          const judged = judge({ tool, action, arguments: Object.create(null), context: {}, dryRun: true }, facts);
          if (judged.kind === "refused") return false;
          const { decision, reasons } = judged.verdict;
          return decision !== "deny" || !reasons.some(({ code }) => hopeless.has(code));
        }),
      );
    },
  };
}
