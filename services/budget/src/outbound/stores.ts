import type { Database } from "@aegis/postgres/connect";
import type { Ports } from "#usecases/ports.ts";
import type { Tables } from "./accounts.ts";
import type { BreakerBoard } from "./breaker-board.ts";
import { breakerStore } from "./breaker-store.ts";
import type { Announcer } from "./events.ts";
import { leaseStore } from "./lease-store.ts";
import { limitStore } from "./limit-store.ts";
import { rateStore } from "./rate-store.ts";
import { reservationStore } from "./reservation-store.ts";
import { spendStore } from "./spend-store.ts";

/** Everything that is kept in PostgreSQL. */
export const stores = (
  db: Database<Tables>,
  announce: Announcer,
  board: BreakerBoard,
): Pick<Ports, "leases" | "reservations" | "limits" | "spending" | "rates" | "breakers"> => ({
  leases: leaseStore(db, announce),
  reservations: reservationStore(db, announce),
  limits: limitStore(db),
  spending: spendStore(db, announce),
  rates: rateStore(db),
  breakers: breakerStore(db, announce, board),
});
