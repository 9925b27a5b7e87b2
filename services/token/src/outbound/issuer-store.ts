import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import type { Selectable } from "kysely";
import type { TrustedIssuer } from "#domain/trusted-issuer.ts";
import type { IssuerStore } from "#usecases/grant-ports.ts";
import { fetchKeys } from "./fetch-keys.ts";
import type { Tables } from "./tables.ts";

/** Key sets of issuers that are kept in memory. */
const mostKeySets = 1_000;

/** Trusted issuers in Postgres, each tenant's apart; their key sets are fetched when first needed. */
export function issuerStore(db: Database<Tables>, { internalHosts }: { internalHosts: readonly string[] }): IssuerStore {
  const remote = new Map<string, JWTVerifyGetKey>();
  const fetch = fetchKeys(internalHosts);
  const remoteSet = (url: string): JWTVerifyGetKey => {
    const known = remote.get(url);
    if (known !== undefined) return known;
    if (remote.size >= mostKeySets) remote.delete(remote.keys().next().value!);
    // An unknown kid is looked up again at most every 30 s.
    const options = { timeoutDuration: 5_000, cooldownDuration: 30_000, cacheMaxAge: 600_000, [customFetch]: fetch as never };
    const made = createRemoteJWKSet(new URL(url), options);
    remote.set(url, made);
    return made;
  };
  return {
    add: (issuer) =>
      inTenant(db, issuer.tenant, async (trx) => {
        const { tenant, name, kind, issuer: iss, prefix, createdAt, createdBy, ...trust } = issuer;
        const row = {
          tenant,
          name,
          kind,
          issuer: iss,
          prefix,
          trust: JSON.stringify(trust),
          created_at: new Date(createdAt),
          created_by: createdBy,
        };
        const insert = trx
          .insertInto("trusted_issuers")
          .values(row)
          .onConflict((same) => same.doNothing())
          .returning("name");
        return (await insert.executeTakeFirst()) !== undefined;
      }),
    find: (tenant, iss) =>
      inTenant(db, tenant, async (trx) => {
        const row = await trx.selectFrom("trusted_issuers").selectAll().where("issuer", "=", iss).executeTakeFirst();
        return row && issuerOf(row);
      }),
    list: (tenant) =>
      inTenant(db, tenant, async (trx) =>
        (await trx.selectFrom("trusted_issuers").selectAll().orderBy("name").limit(500).execute()).map(issuerOf),
      ),
    remove: (tenant, name) =>
      inTenant(db, tenant, async (trx) => {
        const gone = await trx.deleteFrom("trusted_issuers").where("name", "=", name).returning("name").executeTakeFirst();
        return gone !== undefined;
      }),
    keysOf: ({ jwks, jwksUri }) => (jwks === undefined ? remoteSet(jwksUri!) : createLocalJWKSet(jwks as unknown as JSONWebKeySet)),
  };
}

function issuerOf({ trust, created_at, created_by, ...row }: Selectable<Tables["trusted_issuers"]>): TrustedIssuer {
  return { ...row, ...trust, createdAt: created_at.getTime(), createdBy: created_by };
}
