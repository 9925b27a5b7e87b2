import { AegisError } from "@aegis/contracts/errors";
import { type ServiceName, services } from "@aegis/contracts/subjects";
import pg from "pg";
import { generatePassword } from "./nats-server.ts";

/** The services that keep state in PostgreSQL. */
export type StatefulService = Exclude<ServiceName, "authz">;
export const statefulServices = services.filter((service): service is StatefulService => service !== "authz");

export interface BootstrapOptions {
  /** Connection string of a superuser, to any database of the server. */
  readonly superuserUrl: string;
  /** Default "aegis". */
  readonly database?: string;
  /** The password of a login role; it is set anew each time. Default: a random one. */
  readonly password?: (role: string) => string;
}

export interface ServiceLogin {
  readonly schema: string;
  /** NOLOGIN role that owns the schema. */
  readonly owner: string;
  /** Connection string of the runtime role, which has what migrations grant it and nothing else. */
  readonly url: string;
  /** Connection string of the migrator, a member of `owner`. */
  readonly migrationUrl: string;
}

export interface DatabaseLogins {
  readonly services: Readonly<Record<StatefulService, ServiceLogin>>;
  /** Connection string of `aegis_reader`, which may read what migrations grant it. */
  readonly readerUrl: string;
  /** Connection string of the superuser to this database. */
  readonly superuserUrl: string;
}

/** "policy-compiler" → "policy_compiler" */
export function schemaOf(service: ServiceName): string {
  return service.replaceAll("-", "_");
}

/**
 * Makes the database, and for each service a schema with its owner, migrator and runtime role. Idempotent, and safe while others
 * do the same on the server. Throws `unavailable` when the server cannot be reached.
 */
export async function bootstrapDatabase(options: BootstrapOptions): Promise<DatabaseLogins> {
  const database = options.database ?? "aegis";
  const password = options.password ?? generatePassword;
  const passwords = new Map(loginRoles().map((role) => [role, password(role)]));
  await session(options.superuserUrl, async (client) => {
    // Roles belong to the whole server: one at a time.
    await client.query("select pg_advisory_lock(hashtext('aegis bootstrap'))");
    for (const service of statefulServices) await role(client, `${schemaOf(service)}_owner`, "nologin");
    for (const [name, secret] of passwords) await role(client, name, `login password ${pg.escapeLiteral(secret)}`);
    for (const service of statefulServices) {
      await client.query(`grant ${schemaOf(service)}_owner to ${schemaOf(service)}_migrator`);
    }
    const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(database)} encoding 'UTF8' template template0`);
    await client.query(`revoke all on database ${pg.escapeIdentifier(database)} from public`);
    await client.query(`grant connect on database ${pg.escapeIdentifier(database)} to ${[...passwords.keys()].join(", ")}`);
  });
  const superuserUrl = at(options.superuserUrl, database);
  await session(superuserUrl, schemas);
  const login = (role: string) => at(options.superuserUrl, database, role, passwords.get(role));
  const perService = statefulServices.map((service): [StatefulService, ServiceLogin] => {
    const schema = schemaOf(service);
    return [service, { schema, owner: `${schema}_owner`, url: login(schema), migrationUrl: login(`${schema}_migrator`) }];
  });
  return {
    services: Object.fromEntries(perService) as Record<StatefulService, ServiceLogin>,
    readerUrl: login("aegis_reader"),
    superuserUrl,
  };
}

function loginRoles(): string[] {
  return [...statefulServices.flatMap((service) => [schemaOf(service), `${schemaOf(service)}_migrator`]), "aegis_reader"];
}

async function role(client: pg.Client, name: string, attributes: string): Promise<void> {
  const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name]);
  await client.query(
    `${rowCount === 0 ? "create" : "alter"} role ${name} with ${attributes} nosuperuser nocreatedb nocreaterole nobypassrls`,
  );
}

async function schemas(client: pg.Client): Promise<void> {
  await client.query("revoke all on schema public from public");
  for (const service of statefulServices) {
    const schema = schemaOf(service);
    await client.query(`create schema if not exists ${schema} authorization ${schema}_owner`);
    await client.query(`grant usage on schema ${schema} to ${schema}, aegis_reader`);
  }
}

async function session(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: "bootstrap", connectionTimeoutMillis: 10_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new AegisError("unavailable", "PostgreSQL cannot be reached as its superuser", { cause: error });
  }
  try {
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function at(url: string, database: string, user?: string, password?: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  if (user !== undefined) changed.username = user;
  if (password !== undefined) changed.password = encodeURIComponent(password);
  return changed.href;
}
