import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { namePattern } from "@aegis/contracts/name-patterns";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { type TestBus, type TestDatabase, type TestPostgres, testBus, testDatabase, testLogger } from "@aegis/testkit/fabric";
import { keyFile, keySetFile, type OperatorIssuer, operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { cosignatureFaults, type StoredCosignature } from "@aegis/tlog/cosignature";
import { formatVerifierKey, type VerifierKey, verifierKey } from "@aegis/tlog/note";
import type { StoredState } from "@aegis/tlog/stored-state";
import { type LedgerCheckpoint, type LedgerReport, type LedgerRow, verifyLedger } from "@aegis/tlog/verify-ledger";
import { sql } from "kysely";
import type { AuditDatabase } from "#outbound/database.ts";
import type { Sent } from "./events.ts";

export interface Running extends AsyncDisposable {
  readonly url: string;
  kill(): Promise<void>;
}

/** NATS, PostgreSQL, keys and an issuer; audit and its signer are started by each test as real processes. */
export class Fabric implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly directory: string;
  readonly nats: TestBus;
  readonly database: TestDatabase;
  readonly issuer: OperatorIssuer;
  readonly key: VerifierKey;
  /** Whose signatures `verify` checks. */
  readonly witnesses: VerifierKey[] = [];
  /** File of the signer's private JWK. */
  readonly signingKey: string;
  /** File of the private JWK that an authz is known by. */
  readonly authzKey: string;
  readonly #shared: Record<string, string>;
  readonly #signer: Record<string, string>;

  /** `postgres` is a server of the caller's own, which it may kill; the fabric ends first. */
  static async start({ postgres }: { postgres?: TestPostgres } = {}): Promise<Fabric> {
    const directory = await mkdtemp(join(tmpdir(), "aegis-audit-"));
    const [nats, database, issuer] = await Promise.all([testBus(), testDatabase("audit", postgres), operatorIssuer()]);
    const own = await keyFile(directory, "audit-0");
    const signing = await keyFile(directory, "signer-0");
    const authz = await keyFile(directory, "authz-0");
    const peers = await keySetFile(directory, "peers.json", [own, authz], { "audit-0": "audit", "authz-0": "authz" });
    const migrations = new URL("../migrations", import.meta.url).pathname;
    await migrate({ url: database.migrationUrl, directory: migrations, schema: "audit", owner: "audit_owner", logger: testLogger() });
    const key = verifierKey("ledger.test", Buffer.from(String((signing.publicJwk as { x?: string }).x), "base64url"));
    const files = { ownKey: own.path, authzKey: authz.path, signingKey: signing.path, peers };
    return new Fabric({ directory, nats, database, issuer, key, ...files });
  }

  private constructor(made: {
    directory: string;
    nats: TestBus;
    database: TestDatabase;
    issuer: OperatorIssuer;
    key: VerifierKey;
    ownKey: string;
    authzKey: string;
    signingKey: string;
    peers: string;
  }) {
    ({ directory: this.directory, nats: this.nats, database: this.database, issuer: this.issuer, key: this.key } = made);
    this.signingKey = made.signingKey;
    this.authzKey = made.authzKey;
    this.#stack.use(made.issuer);
    this.#stack.use(made.database);
    this.#stack.use(made.nats);
    this.#stack.defer(() => rm(made.directory, { recursive: true, force: true }));
    this.#shared = {
      PATH: process.env.PATH ?? "",
      AEGIS_AUDIT_NATS_URL: made.nats.url,
      AEGIS_AUDIT_POSTGRES_URL: made.database.url,
      AEGIS_AUDIT_MIGRATION_URL: made.database.migrationUrl,
      AEGIS_AUDIT_OIDC_ISSUER: made.issuer.issuer,
      AEGIS_AUDIT_SERVICE_KEY_FILE: made.ownKey,
      AEGIS_AUDIT_PEERS_FILE: made.peers,
      AEGIS_AUDIT_CHECKPOINT_KEY: formatVerifierKey(made.key),
      AEGIS_AUDIT_CHECKPOINT_DIRECTORY: join(made.directory, "checkpoints"),
      AEGIS_AUDIT_CHECKPOINT_INTERVAL_MS: "100",
    };
    this.#signer = {
      PATH: process.env.PATH ?? "",
      AEGIS_SIGNER_KEY_FILE: made.signingKey,
      AEGIS_SIGNER_PEERS_FILE: made.peers,
      AEGIS_SIGNER_STATE_DIRECTORY: join(made.directory, "signer"),
    };
  }

  async startSigner(port?: number): Promise<Running> {
    const at = port ?? (await freePort());
    return this.#launch("signer.ts", { ...this.#signer, AEGIS_SIGNER_INSTANCE: "signer-0", AEGIS_SIGNER_HTTP_PORT: String(at) }, at);
  }

  async startAudit(signer: Running, settings: Record<string, string> = {}): Promise<Running> {
    const at = await freePort();
    const own = { AEGIS_AUDIT_INSTANCE: "audit-0", AEGIS_AUDIT_HTTP_PORT: String(at), AEGIS_AUDIT_SIGNER_URL: signer.url };
    return this.#launch("main.ts", { ...this.#shared, ...own, ...settings }, at);
  }

  async #launch(entry: string, env: Record<string, string>, port: number): Promise<Running> {
    const path = new URL(`../src/${entry}`, import.meta.url).pathname;
    const child = spawn(process.execPath, [path], {
      env,
      stdio: ["ignore", process.env.AEGIS_TEST_OUTPUT ? "inherit" : "ignore", "inherit"],
    });
    const running = handle(child, `http://127.0.0.1:${port}`);
    this.#stack.use(running);
    let over = false;
    child.once("exit", () => {
      over = true;
    });
    await until(async () => over || (await fetch(`${running.url}/readyz`)).ok, { what: `${entry} is ready`, timeoutMs: 60_000 });
    if (over) throw new Error(`${entry} ended before it was ready`);
    return running;
  }

  /** Publishes without a message id: JetStream itself then drops no repeat. */
  async publish(events: readonly Sent[]): Promise<void> {
    await Promise.all(events.map((event) => this.nats.bus.jetstream.publish(event.subject, event.bytes)));
  }

  async superuser<T>(work: (db: ReturnType<typeof connectDatabase<AuditDatabase>>) => Promise<T>): Promise<T> {
    await using db = connectDatabase<AuditDatabase>({ url: this.database.superuserUrl, name: "dba", schema: "audit", maxConnections: 1 });
    return await work(db);
  }

  /** Runs one statement as a superuser who switched the triggers off. */
  tamper(statement: string): Promise<void> {
    return this.superuser((db) =>
      db.connection().execute(async (connection) => {
        await sql`set session_replication_role = replica`.execute(connection);
        await sql.raw(statement).execute(connection);
      }),
    );
  }

  count(tenant: string): Promise<number> {
    return this.superuser(async (db) => {
      const { rows } = await sql<{ n: number }>`select count(*) as n from entries where tenant = ${tenant}`.execute(db);
      return rows[0]?.n ?? 0;
    });
  }

  /** Waits until a checkpoint covers this many entries of a tenant. */
  covered(tenant: string, size: number, timeoutMs = 30_000): Promise<unknown> {
    return until(
      () =>
        this.superuser(async (db) => {
          const { rows } = await sql<{ n: number | null }>`select max(size) as n from checkpoints where tenant = ${tenant}`.execute(db);
          return (rows[0]?.n ?? 0) >= size;
        }),
      { what: `${size} entries of ${tenant} are under a checkpoint`, timeoutMs, intervalMs: 100 },
    );
  }

  async get(
    audit: Running,
    path: string,
    roles: Parameters<OperatorIssuer["token"]>[0]["roles"] = { "*": ["auditor"] },
  ): Promise<Response> {
    const token = await this.issuer.token({ user: "alice", roles });
    return fetch(`${audit.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  }

  /** What `aegis audit verify` does: everything it needs comes over HTTP, but for the pinned key and notes that somebody kept. */
  async verify(audit: Running, kept: readonly LedgerCheckpoint[] = [], retentionDays?: number): Promise<LedgerReport> {
    const named = (await (await this.get(audit, "/v1/tenants")).json()) as { tenants: { tenant: string }[] };
    const tenants = named.tenants.filter(({ tenant }) => namePattern.test(tenant));
    const fetchRows = this.#rows.bind(this);
    const fetchState = this.#state.bind(this);
    const states: StoredState[] = [];
    async function* rows() {
      for (const { tenant } of tenants) {
        let last = -1;
        for await (const row of fetchRows(audit, tenant)) {
          last = Number(row.columns.sequence);
          yield row;
        }
        const state = await fetchState(audit, tenant);
        states.push(state);
        for await (const row of fetchRows(audit, tenant, last)) if (Number(row.columns.sequence) < Number(state.head?.size ?? 0)) yield row;
      }
    }
    const cosignatures: StoredCosignature[] = [];
    const checkpoints = await Promise.all(
      tenants.map(async ({ tenant }) => {
        const body = (await (await this.get(audit, `/v1/checkpoints/${tenant}`)).json()) as {
          checkpoints: { note: string }[];
          cosignatures: StoredCosignature[];
        };
        cosignatures.push(...body.cosignatures);
        return body.checkpoints.map(({ note }) => ({ tenant, note }));
      }),
    );
    const report = await verifyLedger({
      rows: rows(),
      states,
      checkpoints: [...checkpoints.flat(), ...kept],
      keys: [this.key],
      whole: true,
      now: new Date(Date.now() + 120_000),
      ...(retentionDays !== undefined && { retentionDays }),
    });
    // Something is kept under a name that no tenant can have: aegis audit verify names it so, too.
    const misnamed = named.tenants
      .filter(({ tenant }) => !namePattern.test(tenant))
      .map(({ tenant }) => ({ tenant, sequence: 0, kind: "column" as const, column: "tenant", detail: "no tenant's name" }));
    return { ...report, faults: [...report.faults, ...misnamed, ...cosignatureFaults(cosignatures, checkpoints.flat(), this.witnesses)] };
  }

  /** The state, and the archive once it has the copy of every checkpoint or a second has gone by. */
  async #state(audit: Running, tenant: string): Promise<StoredState> {
    const state = (await (await this.get(audit, `/v1/ledger/${tenant}/state`)).json()) as StoredState;
    const folder = join(this.directory, "checkpoints", tenant);
    const read = async () => {
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".note"));
      return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
    };
    const complete = async () => {
      const archived = await read();
      return state.checkpoints.every(({ note }) => archived.includes(note));
    };
    await until(complete, { timeoutMs: 1_000, what: "copies" }).catch(() => undefined);
    return { ...state, archived: await read() };
  }

  async *#rows(audit: Running, tenant: string, after?: number): AsyncGenerator<LedgerRow> {
    const response = await this.get(audit, `/v1/ledger/${tenant}/rows${after === undefined ? "" : `?after=${after}`}`);
    for await (const line of createInterface({ input: Readable.fromWeb(response.body as never) })) {
      const { columns, leaf, payload, retired } = JSON.parse(line);
      yield {
        columns,
        leaf: Buffer.from(leaf, "base64"),
        payload: payload === null ? null : Buffer.from(payload, "base64"),
        retired: retired && Buffer.from(retired, "base64"),
      };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function handle(child: ChildProcess, url: string): Running {
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return { url, kill: () => kill("SIGKILL"), [Symbol.asyncDispose]: () => kill("SIGKILL") };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A permutation that the seed decides. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  return Array.from(shuffledNumbers(items.length, seed), (at) => items[at] as T);
}

/** The numbers below `count`, in an order that the seed decides. */
export function shuffledNumbers(count: number, seed: number): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, at) => at);
  let state = seed;
  for (let at = count - 1; at > 0; at--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    [numbers[at], numbers[other]] = [numbers[other] as number, numbers[at] as number];
  }
  return numbers;
}
