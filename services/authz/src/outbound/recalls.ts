import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import type { Recalls } from "./lease-desk.ts";

/** Asks other replicas for unused leases on core NATS. */
export function recallsOver(bus: Bus, holder: string): Recalls {
  return {
    possible: () => bus.connected(),
    send(account) {
      if (bus.connected()) bus.connection.publish(hints.recall, JSON.stringify({ ...account, by: holder }));
    },
  };
}
