import { createHash } from "node:crypto";
import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { RegistrationTokenStore } from "#usecases/registry-ports.ts";
import { addAgent } from "./agent-store.ts";
import type { EventWriter } from "./events.ts";
import type { Tables } from "./tables.ts";

const hashOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

/** Initial access tokens in Postgres, each tenant's apart, by the hash of their secret. */
export function registrationTokenStore(db: Database<Tables>, write: EventWriter): RegistrationTokenStore {
  return {
    add: (token, secret) =>
      inTenant(db, token.tenant, async (trx) => {
        await trx
          .insertInto("registration_tokens")
          .values({
            tenant: token.tenant,
            id: token.id,
            hash: hashOf(secret),
            scope: [...token.scope],
            may_act: [...token.mayAct],
            risk: token.risk,
            owner: token.owner,
            active: token.active,
            uses_left: token.usesLeft,
            expires_at: new Date(token.expiresAt),
            created_at: new Date(token.createdAt),
            created_by: token.createdBy,
          })
          .execute();
      }),

    spend: ({ tenant, id, secret }, now, decide) =>
      inTenant(db, tenant, async (trx) => {
        const row = await trx
          .updateTable("registration_tokens")
          .set((is) => ({ uses_left: is("uses_left", "-", 1) }))
          .where("id", "=", id)
          .where("hash", "=", hashOf(secret))
          .where("uses_left", ">", 0)
          .where("expires_at", ">", new Date(now))
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return undefined;
        const agent = decide({
          tenant,
          id,
          scope: row.scope,
          mayAct: row.may_act,
          risk: row.risk,
          owner: row.owner,
          active: row.active,
          usesLeft: row.uses_left,
          expiresAt: row.expires_at.getTime(),
          createdAt: row.created_at.getTime(),
          createdBy: row.created_by,
        });
        const added = await addAgent(trx, write, agent);
        return { agent: added ?? agent, added: added !== undefined };
      }),
  };
}
