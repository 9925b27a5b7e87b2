import { AegisError } from "@aegis/contracts/errors";
import { algorithmOf, type PublicJwk } from "@aegis/identity/keys";
import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { base64url } from "jose";
import { sql, type Transaction } from "kysely";
import { type KeyTimes, lingerSeconds, mayRotate, publishedKeys, signingKey } from "#domain/signing-key.ts";
import type { Keys, KeyVault, SigningKey } from "#usecases/key-ports.ts";
import type { Clock } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

type HeldKey = KeyTimes & SigningKey;

export interface SigningKeys extends Keys {
  /** Reads the keys again: another instance may have rotated. The present ones stay when Postgres is away. */
  refresh(): Promise<void>;
  /** The published keys, read again, as a JWK set: for this server's own verifier. */
  jwks(): Promise<string>;
}

export interface SigningKeysOptions {
  readonly db: Database<Tables>;
  readonly vault: KeyVault;
  readonly clock: Clock;
  /** How long a new key is published before it signs. */
  readonly announceSeconds: number;
  /** The longest life of a token. */
  readonly tokenSeconds: number;
}

/**
 * Signing keys, by what the vault keeps of them in Postgres, and open in memory. The first start makes one; of several first starts at once, one
 * makes it and the others take it. With Postgres away the keys at hand go on signing.
 *
 * @throws AegisError `precondition_failed` when the vault did not make them.
 */
export async function signingKeys({ db, vault, clock, announceSeconds, tokenSeconds }: SigningKeysOptions): Promise<SigningKeys> {
  const now = () => clock.now().getTime();
  let held: readonly HeldKey[] = [];
  const refresh = async () => {
    held = await open(await asService(db, (trx) => read(trx, now())), vault, held);
  };
  await asService(db, async (trx) => {
    await lock(trx);
    const first = await trx.selectFrom("signing_keys").select("kid").limit(1).executeTakeFirst();
    if (first === undefined) await add(trx, vault, now(), now());
  });
  await refresh();
  const published = () => publishedKeys(held, now()).map(publicJwkUntil);
  return {
    refresh,
    published,
    async jwks() {
      await refresh();
      return JSON.stringify({ keys: published() });
    },
    async sign(claims, type) {
      const signer = signingKey(held, now());
      if (signer === undefined) throw new AegisError("unavailable", "no signing key is in force");
      const header = { alg: algorithmOf(signer.publicJwk), kid: signer.kid, typ: type };
      const input = `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(claims))}`;
      return `${input}.${base64url.encode(await signer.sign(Buffer.from(input)))}`;
    },
    async rotate(olderThanMs = 0) {
      const rotated = await asService(db, async (trx) => {
        await lock(trx);
        const at = now();
        const rows = await read(trx, at);
        if (!mayRotate(rows.map(timesOf), at, olderThanMs)) return undefined;
        const signsFrom = at + announceSeconds * 1000;
        const lapses = new Date(signsFrom + lingerSeconds(tokenSeconds) * 1000);
        await trx.updateTable("signing_keys").set({ published_until: lapses }).where("published_until", "is", null).execute();
        return { kid: await add(trx, vault, at, signsFrom), signsFrom };
      });
      await refresh();
      return rotated;
    },
  };
}

/** The last moment of a key is told as soon as it is known, so that every verifier drops it then. */
const publicJwkUntil = ({ publicJwk, publishedUntil }: HeldKey): PublicJwk =>
  publishedUntil === undefined ? publicJwk : { ...publicJwk, exp: Math.floor(publishedUntil / 1000) };

type Row = Awaited<ReturnType<typeof read>>[number];

const read = (trx: Transaction<Tables>, now: number) =>
  trx
    .selectFrom("signing_keys")
    .selectAll()
    .where((row) => row.or([row("published_until", "is", null), row("published_until", ">", new Date(now))]))
    .orderBy("signs_from")
    .execute();

const timesOf = (row: Row): KeyTimes => ({
  kid: row.kid,
  signsFrom: row.signs_from.getTime(),
  publishedUntil: row.published_until?.getTime(),
});

const lock = (trx: Transaction<Tables>) => sql`select pg_advisory_xact_lock(hashtext('token.signing_keys'))`.execute(trx);

async function add(trx: Transaction<Tables>, vault: KeyVault, now: number, signsFrom: number): Promise<string> {
  const { kid, kept } = await vault.create();
  await trx
    .insertInto("signing_keys")
    .values({ kid, sealed: kept, created_at: new Date(now), signs_from: new Date(signsFrom), published_until: null })
    .execute();
  return kid;
}

async function open(rows: readonly Row[], vault: KeyVault, held: readonly HeldKey[]): Promise<HeldKey[]> {
  const known = new Map(held.map((one) => [one.kid, one]));
  return Promise.all(rows.map(async (row) => ({ ...(known.get(row.kid) ?? (await vault.open(row.kid, row.sealed))), ...timesOf(row) })));
}
