import { person } from "@aegis/contracts/operator";

/** Separation of duties: whether this user asked, is asked for, answers for the agent that asked, or wrote the policy that asks. */
export function isOwnRequest(
  requester: {
    readonly agent: string;
    readonly subject: string;
    readonly chain: readonly string[];
    readonly owner?: string | undefined;
    readonly authors?: readonly string[] | undefined;
  },
  user: string,
): boolean {
  const involved = [requester.agent, requester.subject, requester.owner, ...requester.chain, ...(requester.authors ?? [])];
  return involved.some((name) => name !== undefined && person(name) === person(user));
}
