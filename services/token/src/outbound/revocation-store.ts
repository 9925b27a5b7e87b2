import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import type { Revocation } from "#domain/revocation.ts";
import type { RevocationStore } from "#usecases/stop-ports.ts";
import type { Tables } from "./tables.ts";

/** Reads what is revoked, over all tenants. */
export function revocationStore(db: Database<Tables>): RevocationStore {
  return {
    all: (now) =>
      asService(db, async (trx) => {
        const agents = await trx
          .selectFrom("agents")
          .select(["tenant", "agent", "state", "state_since"])
          .where("state", "not in", ["active", "registered"])
          .orderBy("tenant")
          .orderBy("agent")
          .execute();
        const tenants = await trx.selectFrom("stops").select(["tenant", "since"]).where("kind", "=", "tenant").orderBy("tenant").execute();
        const tokens = await trx
          .selectFrom("tokens")
          .select(["tenant", "id", "revoked_at", "expires_at"])
          .where("revoked_at", "is not", null)
          .where("expires_at", ">", new Date(now))
          .orderBy("tenant")
          .orderBy("id")
          .execute();
        return [
          ...tenants.map(({ tenant, since }): Revocation => ({ tenant, since: since.getTime() })),
          ...agents.flatMap(({ tenant, agent, state, state_since }): Revocation[] =>
            state === "active" || state === "registered" ? [] : [{ tenant, agent, state, since: state_since.getTime() }],
          ),
          ...tokens.map(
            ({ tenant, id, revoked_at, expires_at }): Revocation => ({
              tenant,
              tokenId: id,
              since: (revoked_at ?? expires_at).getTime(),
              until: expires_at.getTime(),
            }),
          ),
        ];
      }),

    resumed: (after) =>
      asService(db, (trx) =>
        trx
          .selectFrom("agents")
          .select(["tenant", "agent"])
          .where("state", "=", "active")
          .whereRef("state_since", ">", "created_at")
          .where("state_since", ">", new Date(after))
          .execute(),
      ),
  };
}
