import { type SubjectName, subject } from "@aegis/contracts/subjects";
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
  readonly name: Extract<SubjectName, "subjectErased" | "personalShown">;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Appends an entry within the transaction of what it tells of, and has it published once that is committed. */
export async function appendOwn(
  trx: Transaction<AuditDatabase>,
  instance: string,
  { tenant, name, type, data }: OwnEvent,
  at: Date,
): Promise<void> {
  const time = at.toISOString();
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
  const on = subject(name, { tenant });
  const ledger = await ledgerWithin(trx, [tenant]);
  await ledger.write(chain([receive({ subject: on, bytes: Buffer.from(JSON.stringify(event)) })], ledger.heads, time));
  await outbox(trx).add(on, event);
}
