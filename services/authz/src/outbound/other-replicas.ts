import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import type { OtherReplicas } from "#usecases/ports.ts";

/** Tells the other replicas on core NATS which calls failed, and which agents seem to loop. */
export function otherReplicasOver(bus: Bus, by: string): OtherReplicas {
  return {
    callFailed({ tenant, agent, actionDigest }) {
      if (bus.connected()) bus.connection.publish(hints.callFailed, JSON.stringify({ tenant, agent, actionDigest, by }));
    },
    streak(tenant, agent, row) {
      if (bus.connected()) bus.connection.publish(hints.agentStreak, JSON.stringify({ tenant, agent, ...row, by }));
    },
  };
}
