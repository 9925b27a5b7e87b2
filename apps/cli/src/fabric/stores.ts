import { join } from "node:path";
import { bootstrapDatabase, statefulServices } from "@aegis/infra/bootstrap";
import { startNatsServer } from "@aegis/infra/nats-server";
import { startPostgres } from "@aegis/infra/postgres-server";
import { writeAtomically } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { FabricSurroundings } from "./endpoints.ts";
import { natsServerOptions, serviceLogin } from "./nats-logins.ts";
import type { Ports } from "./ports.ts";
import { stages } from "./processes.ts";
import type { Supervisor } from "./supervisor.ts";
import { toolsDirectory } from "./tools.ts";

export interface StoreOptions {
  directory: DataDirectory;
  ports: Ports;
  supervisor: Supervisor;
  /** Where a process's output goes. */
  log: (name: string) => (chunk: Buffer) => void;
}

export type Stores = Pick<FabricSurroundings, "natsUrl" | "natsLogin" | "databaseFiles" | "reader" | "superuser">;

/** NATS and PostgreSQL: those that AEGIS_NATS_URL and AEGIS_POSTGRES_URL name, else servers of our own under supervision. */
export async function startStores(options: StoreOptions): Promise<Stores> {
  const [nats, database] = await Promise.allSettled([startNats(options), startDatabase(options)]);
  // Both have settled: what did start is known to the supervisor, and can be stopped.
  if (nats.status === "rejected") throw nats.reason;
  if (database.status === "rejected") throw database.reason;
  return { ...nats.value, ...database.value };
}

async function startNats({ directory, ports, supervisor, log }: StoreOptions): Promise<Pick<Stores, "natsUrl" | "natsLogin">> {
  const given = process.env.AEGIS_NATS_URL;
  if (given) return { natsUrl: given };
  const server = await natsServerOptions(directory, ports.nats);
  await supervisor.start({
    name: "nats",
    stage: stages.store,
    start: async () => (await startNatsServer(server, { onOutput: log("nats") })).process,
  });
  return { natsUrl: `nats://127.0.0.1:${ports.nats}`, natsLogin: serviceLogin(directory) };
}

async function startDatabase(options: StoreOptions): Promise<Pick<Stores, "databaseFiles" | "reader" | "superuser">> {
  const { directory } = options;
  const superuserUrl = process.env.AEGIS_POSTGRES_URL || (await ownPostgres(options));
  const logins = await bootstrapDatabase({ superuserUrl });
  const databaseFiles = (service: string) => ({
    runtime: join(directory.keys, `${service}.database-url`),
    migration: join(directory.keys, `${service}.migration-url`),
  });
  for (const service of statefulServices) {
    const { runtime, migration } = databaseFiles(service);
    await writeAtomically(runtime, logins.services[service].url);
    await writeAtomically(migration, logins.services[service].migrationUrl);
  }
  return { databaseFiles, reader: logins.readerUrl, superuser: logins.superuserUrl };
}

async function ownPostgres({ directory, ports, supervisor, log }: StoreOptions): Promise<string> {
  let url = "";
  await supervisor.start({
    name: "postgres",
    stage: stages.store,
    start: async () => {
      const server = await startPostgres(
        { directory: directory.postgres, port: ports.postgres, toolsDirectory },
        { onOutput: log("postgres") },
      );
      url = server.url;
      return server.process;
    },
  });
  return url;
}
