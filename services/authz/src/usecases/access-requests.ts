import { actionDigest } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import type { ProfileError, Task } from "#domain/access-request.ts";
import type { Call } from "#domain/call.ts";
import type { Presented } from "./authenticate.ts";
import type { MayAct } from "./may-act.ts";

/** Whose task it is. */
interface Requester {
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  /** On whose behalf. */
  readonly subject: string;
}

type Outcome = { readonly task: Task } | { readonly error: ProfileError };

/** Approvals as tasks, held by the approvals service. @throws AegisError `unavailable`. */
export interface Tasks {
  submit(
    requester: Requester,
    request: {
      readonly evaluationId: string;
      readonly actionDigest: string;
      readonly idempotencyKey: string;
      readonly submissionDigest: string;
      readonly justification: string;
    },
  ): Promise<Outcome>;
  get(requester: Requester, id: string): Promise<Outcome>;
  cancel(requester: Requester, id: string, comment: string): Promise<Outcome>;
}

/** Access requests of agents that may act. @throws AegisError `unauthenticated`, `permission_denied` for an agent that may not. */
export interface AccessRequests {
  submit(
    presented: Presented,
    call: Pick<Call, "tool" | "action" | "arguments" | "destination">,
    request: Omit<Parameters<Tasks["submit"]>[1], "actionDigest">,
  ): Promise<Outcome>;
  get(presented: Presented, id: string): Promise<Outcome>;
  cancel(presented: Presented, id: string, comment: string): Promise<Outcome>;
}

export function accessRequests(ports: { readonly tasks: Tasks; readonly mayAct: MayAct }): AccessRequests {
  const requester = async (presented: Presented): Promise<Requester> => {
    const { refusal, principal } = await ports.mayAct.who(presented);
    if (refusal) throw new AegisError("permission_denied", refusal.message);
    const { tenant, agent, instance, subject } = principal;
    return { tenant, agent, instance, subject: presented.subject ?? subject };
  };
  return {
    async submit(presented, { tool, action, arguments: args, destination }, request) {
      const who = await requester(presented);
      const { tenant, agent } = who;
      const digest = actionDigest({ tenant, agent, tool, action, arguments: args, destination, subject: presented.subject });
      return ports.tasks.submit(who, { ...request, actionDigest: digest });
    },
    get: async (presented, id) => ports.tasks.get(await requester(presented), id),
    cancel: async (presented, id, comment) => ports.tasks.cancel(await requester(presented), id, comment),
  };
}
