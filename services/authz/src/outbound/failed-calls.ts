import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import type { OtherReplicas } from "#usecases/ports.ts";

/** Tells the other replicas on core NATS which calls failed. */
export function failedCallsOver(bus: Bus, by: string): OtherReplicas {
  return {
    callFailed({ tenant, agent, actionDigest }) {
      if (bus.connected()) bus.connection.publish(hints.callFailed, JSON.stringify({ tenant, agent, actionDigest, by }));
    },
  };
}
