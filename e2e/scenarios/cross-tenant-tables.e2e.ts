import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

/** Tables that hold nothing of a tenant's that a tenant's request could reach, and why. Every other table is a tenant's. */
const shared: Readonly<Record<string, string>> = {
  "token.signing_keys": "the server's own, sealed",
  "token.proofs": "hashes of proofs, among all tenants: one key may be an agent's in two",
  "token.outbox": "events on their way to NATS",
  "policy_compiler.outbox": "events on their way to NATS",
  "approvals.outbox": "events on their way to NATS",
  "approvals.signatures_seen": "hashes of requests from Slack",
  "budget.outbox": "events on their way to NATS",
  "budget.epochs": "lives of authz processes",
  "audit.outbox": "events on their way to NATS",
  "audit.producers": "lives of authz processes",
  "audit.retention": "how long entries stay, of every tenant",
  "audit.statements": "what authz processes signed: hashes over their sequences, which all tenants share",
};

let database: pg.Client;
let prey: Tenant;
let stranger: Tenant;

beforeAll(async () => {
  prey = await sharedTenant("prey");
  stranger = await sharedTenant("stranger");
  await prey.publish(payments);
  await prey.register("finance-agent");
  const call = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment" };
  await prey.check({ ...call, args: { amount: 50_000, currency: "USD", recipient: "acct_ink" } });
  await prey.check({ ...call, args: { amount: 5, currency: "USD", recipient: "acct_ink" } });
  database = new pg.Client({ connectionString: prey.fabric.endpoints.postgresSuperuser });
  await database.connect();
}, 120_000);
afterAll(() => database?.end());

interface Table {
  readonly schema: string;
  readonly name: string;
  readonly guarded: boolean;
  readonly has_tenant: boolean;
}

const tables = async (): Promise<Table[]> =>
  (
    await database.query<Table>(`
      select n.nspname as schema, c.relname as name, c.relrowsecurity and c.relforcerowsecurity as guarded,
        exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) as has_tenant
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$|public$)'
        and c.relname !~ 'migration'
      order by 1, 2`)
  ).rows;

/** Who logs in and may touch a table. Superusers and owners are no service at run time. */
const rolesOf = async ({ schema, name }: Table): Promise<string[]> =>
  (
    await database.query<{ role: string }>(
      `select distinct g.grantee as role from information_schema.role_table_grants g join pg_roles r on r.rolname = g.grantee
       join pg_tables t on t.schemaname = g.table_schema and t.tablename = g.table_name
       where g.table_schema = $1 and g.table_name = $2 and r.rolcanlogin and not r.rolsuper and not r.rolbypassrls and g.grantee <> t.tableowner`,
      [schema, name],
    )
  ).rows.map(({ role }) => role);

/** Runs a statement as a role that serves a tenant; the rows it touched, or undefined when it was refused. Nothing is kept. */
async function as(role: string, tenant: string, text: string, values: unknown[] = []): Promise<number | undefined> {
  await database.query("begin");
  try {
    await database.query(`set local role "${role}"`);
    await database.query("select set_config('aegis.tenant', $1, true), set_config('aegis.scope', 'tenant', true)", [tenant]);
    const { rows, rowCount } = await database.query(text, values);
    return rows.length > 0 && "count" in rows[0] ? Number(rows[0].count) : (rowCount ?? 0);
  } catch (error) {
    // Permission denied, or refused by a policy, a trigger or a key.
    if (!/^(42501|23|P0001)/.test((error as { code?: string }).code ?? "")) throw error;
    return undefined;
  } finally {
    await database.query("rollback");
  }
}

test("every table is a tenant's, behind row-level security, or is named with a reason", async () => {
  const all = await tables();
  const unguarded = all.filter(({ guarded, has_tenant }) => !guarded || !has_tenant).map(({ schema, name }) => `${schema}.${name}`);
  expect(unguarded.filter((name) => shared[name] === undefined)).toEqual([]);
  expect(all.length).toBeGreaterThan(30);
});

test("no service, serving one tenant, reads, changes, takes away or writes a row of another", async () => {
  let tries = 0;
  let seen = 0;
  const crossings: string[] = [];
  for (const table of (await tables()).filter(({ schema, name }) => shared[`${schema}.${name}`] === undefined)) {
    const at = `"${table.schema}"."${table.name}"`;
    const own = `select count(*) from ${at} where tenant = '${prey.name}'`;
    const there = Number((await database.query(own)).rows[0].count);
    for (const role of await rolesOf(table)) {
      const told = `${role} on ${table.schema}.${table.name}`;
      // Its own tenant's service sees what there is: else nothing here could fail.
      if (there > 0 && (await as(role, prey.name, own)) === there) seen += 1;
      const row = (await database.query(`select to_jsonb(t) as row from ${at} t where tenant = $1 limit 1`, [prey.name])).rows[0]?.row;
      for (const tenant of [stranger.name, "", "*", `${prey.name} `, prey.name.toUpperCase()]) {
        const attempts: [string, string, unknown[]][] = [
          ["reads", own, []],
          ["reads others'", `select count(*) from ${at} where tenant <> $1`, [tenant]],
          ["changes", `update ${at} set tenant = tenant where tenant = $1`, [prey.name]],
          ["takes over", `update ${at} set tenant = $2 where tenant = $1`, [prey.name, stranger.name]],
          ["takes away", `delete from ${at} where tenant = $1`, [prey.name]],
          ["locks", `select count(*) from (select 1 from ${at} where tenant = $1 for update) locked`, [prey.name]],
          ...(row === undefined
            ? []
            : ([["writes", `insert into ${at} select * from jsonb_populate_record(null::${at}, $1)`, [row]]] as [
                string,
                string,
                unknown[],
              ][])),
        ];
        for (const [verb, text, values] of attempts) {
          tries += 1;
          const touched = await as(role, tenant, text, values);
          if (touched !== undefined && touched > 0) crossings.push(`${told}, for ${JSON.stringify(tenant)}: ${verb} ${touched} rows`);
        }
      }
    }
  }
  console.log(`cross-tenant: ${tries} statements on tables, ${crossings.length} crossings`);
  expect(crossings).toEqual([]);
  expect(seen).toBeGreaterThan(8);
});
