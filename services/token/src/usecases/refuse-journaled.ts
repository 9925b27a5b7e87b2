import { refuse } from "#domain/oauth-refusal.ts";
import type { GrantStore } from "./grant-ports.ts";
import type { Journal } from "./stop-ports.ts";

/** Grants, except to whom the journal says is revoked: PostgreSQL may be back before it has been told. */
export function refusingJournaled(grants: GrantStore, journal: Journal): GrantStore {
  return {
    ...grants,
    async grant(request, decide) {
      const acting = [request.agent, ...(request.parent?.chain ?? [])];
      const stopped = journal
        .pending()
        .find(
          ({ target }) =>
            target.tenant === request.tenant && (target.kind === "tenant" || (target.kind === "agent" && acting.includes(target.name))),
        );
      if (stopped !== undefined) return refuse("unauthorized_client", `${stopped.target.name} is revoked`);
      return grants.grant(request, decide);
    },
  };
}
