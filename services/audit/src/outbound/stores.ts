import type { Database } from "@aegis/postgres/connect";
import { checkpointStore } from "./checkpoint-store.ts";
import { cosignatureStore } from "./cosignature-store.ts";
import type { AuditDatabase } from "./database.ts";
import { entryStore } from "./entry-store.ts";
import { holdStore, ownEventStore } from "./hold-store.ts";
import { ledgerStore } from "./ledger-store.ts";
import { monthStore } from "./month-store.ts";
import { producerStore } from "./producer-store.ts";
import { statementStore } from "./statement-store.ts";
import { subjectStore } from "./subject-store.ts";
import { treeStore } from "./tree-store.ts";

/** Every port that PostgreSQL stands behind. */
export const stores = (db: Database<AuditDatabase>, instance: string) => ({
  ledger: ledgerStore(db),
  entries: entryStore(db),
  tree: treeStore(db),
  checkpoints: checkpointStore(db, instance),
  cosignatures: cosignatureStore(db),
  producers: producerStore(db),
  statements: statementStore(db),
  ...subjectStore(db, instance),
  holds: holdStore(db, instance),
  months: monthStore(db),
  ownEvents: ownEventStore(db),
});
