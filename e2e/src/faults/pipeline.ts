import type * as bus from "@aegis/bus/pipeline";
import { orders } from "./orders.ts";

/** A way to JetStream that holds events back or loses them, as ordered. */
export function wrap({ openPipeline: real }: Pick<typeof bus, "openPipeline">): Pick<typeof bus, "openPipeline"> {
  return {
    openPipeline(...options) {
      const pipeline = real(...options);
      return {
        async publish(subject, id, bytes) {
          const { hold, loseAcknowledged = 0, sabotage } = orders();
          if (hold) throw new Error("held back");
          if (Math.random() < loseAcknowledged) return { duplicate: false, sequence: 1 };
          const stored = pipeline.publish(subject, id, bytes);
          return sabotage === "forget-unsent" ? stored.catch(() => ({ duplicate: false, sequence: 1 })) : stored;
        },
        [Symbol.dispose]: () => pipeline[Symbol.dispose](),
      };
    },
  };
}
