import { connectDatabase, type Database } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import type { Logger } from "@aegis/service/logger";
import type { AuditDatabase } from "./database.ts";
import { setRetention } from "./month-store.ts";

export interface SchemaSettings {
  readonly instance: string;
  readonly postgresUrl: string;
  /** The login that may migrate, and say how long entries stay. */
  readonly migrationUrl: string;
  readonly retentionDays: number;
}

/** Brings the schema to this version, writes down how long entries stay, and opens it as the service's own role. */
export async function openSchema(
  { instance, postgresUrl, migrationUrl, retentionDays }: SchemaSettings,
  logger: Logger,
): Promise<Database<AuditDatabase>> {
  const directory = new URL("../../migrations", import.meta.url).pathname;
  await migrate({ url: migrationUrl, directory, schema: "audit", owner: "audit_owner", logger });
  await setRetention(migrationUrl, retentionDays);
  return connectDatabase<AuditDatabase>({ url: postgresUrl, name: instance, schema: "audit" });
}
