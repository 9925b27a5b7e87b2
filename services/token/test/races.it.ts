import { connectDatabase, type Database } from "@aegis/postgres/connect";
import { until } from "@aegis/testkit/until";
import { sql, type Transaction } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, type Client, claimsOf, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let planner: Client;
let finance: Client;
let superuser: Database<unknown>;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
  planner = await registered(around, service, { tenant: "acme", agent: "planner-agent" }, ["ledger:*"]);
  finance = await registered(around, service, { tenant: "acme", agent: "finance-agent" }, ["ledger:*"], ["planner-agent"]);
  superuser = connectDatabase({ url: around.database.superuserUrl, name: "rival", schema: "token" });
});
afterAll(async () => {
  await superuser?.[Symbol.asyncDispose]();
  await around?.[Symbol.asyncDispose]();
});

/** Another instance's transaction did `first` and commits only once the request waits for it; the request's answer. */
async function whileUncommitted(first: (trx: Transaction<unknown>) => Promise<unknown>, request: () => Promise<Answer>): Promise<Answer> {
  const { asked } = await superuser.transaction().execute(async (trx) => {
    await first(trx);
    const asked = request();
    await until(
      async () => {
        const { rows } = await sql`
          select 1 from pg_stat_activity where datname = current_database() and application_name = 'token-0' and wait_event_type = 'Lock'`.execute(
          superuser,
        );
        return rows.length > 0;
      },
      { what: "the request to wait for the other transaction", timeoutMs: 5_000 },
    );
    return { asked };
  });
  return asked;
}

const setState = (agent: string, state: string) => (trx: Transaction<unknown>) =>
  sql`update agents set state = ${state}, state_since = now() where tenant = 'acme' and agent = ${agent}`.execute(trx);

test("a grant waits for a suspension in flight, and is refused by it", async () => {
  const answer = await whileUncommitted(setState("planner-agent", "suspended"), () => planner.own());
  expect(answer.body.error).toBe("unauthorized_client");
  await setState("planner-agent", "active")(superuser as Transaction<unknown>);
});

test("a delegation waits for its parent's suspension in flight, and is refused by it", async () => {
  const parent = (await planner.own()).body.access_token;
  const answer = await whileUncommitted(setState("planner-agent", "revoked"), () => finance.exchange(parent));
  expect(answer.body.error).toBe("invalid_request");
  await setState("planner-agent", "active")(superuser as Transaction<unknown>);
});

test("a delegation waits for the revocation of its parent's token in flight, and is refused by it", async () => {
  const parent = await planner.own();
  const answer = await whileUncommitted(
    (trx) => sql`update tokens set revoked_at = now() where id = ${claimsOf(parent).jti}`.execute(trx),
    () => finance.exchange(parent.body.access_token),
  );
  expect(answer.body).toMatchObject({ error: "invalid_request", error_description: "the subject token was revoked" });
});

test("a revocation waits for a delegation in flight, and takes the child with it", async () => {
  const parent = await planner.own();
  const { jti } = claimsOf(parent);
  const credentials = await planner.credentials();
  const answer = await whileUncommitted(
    async (trx) => {
      await sql`select 1 from tokens where id = ${jti} for share`.execute(trx);
      await sql`insert into tokens (tenant, id, agent, parent_id, chain, subject, scope, depth, issued_at, expires_at)
        select tenant, 'child-of-the-race', 'finance-agent', id, chain, subject, scope, 1, issued_at, expires_at from tokens where id = ${jti}`.execute(
        trx,
      );
    },
    () => postForm(`${service.url}/oauth/revoke`, { token: parent.body.access_token, ...credentials }),
  );
  expect(answer.body).toEqual({ revoked: 2 });
});
