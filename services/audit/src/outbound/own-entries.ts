import { outbox } from "@aegis/postgres/outbox";
import type { Transaction } from "kysely";
import { chain } from "#domain/chain.ts";
import { contentId } from "#domain/content-id.ts";
import { receive } from "#domain/receive.ts";
import type { AuditDatabase } from "./database.ts";
import { ledgerWithin } from "./ledger-store.ts";

/** What the ledger's own service does and must be in the ledger. */
interface OwnEvent {
  readonly tenant: string;
  /** The last token of its subject, and the last but one of its type. */
  readonly verb: "held" | "released" | "subject_erased" | "personal_shown";
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whoever follows persons' data must hear of it; of holds the ledger alone tells. */
const published: ReadonlySet<OwnEvent["verb"]> = new Set(["subject_erased", "personal_shown"]);

/**
 * Appends an entry within the transaction of what it tells of, whose scope is the service; some are published once that is committed. What
 * the database itself does, `retire_month`, it leaves in `own_events` for `retain` to take in.
 */
export async function appendOwn(
  trx: Transaction<AuditDatabase>,
  instance: string,
  { tenant, verb, data }: OwnEvent,
  at: Date,
): Promise<void> {
  const time = at.toISOString();
  const type = `dev.aegis.ledger.${verb}.v1`;
  const id = contentId(JSON.stringify([tenant, type, time, data]));
  const event = {
    specversion: "1.0",
    id,
    source: `aegis/audit/${instance}`,
    type,
    time,
    datacontenttype: "application/json",
    tenant,
    data,
  };
  const on = `aegis.ledger.${tenant}.${verb}`;
  const ledger = await ledgerWithin(trx, [tenant]);
  await ledger.write(chain([receive({ subject: on, bytes: Buffer.from(JSON.stringify(event)) })], ledger.heads, time));
  if (published.has(verb)) await outbox(trx).add(on, event);
}
