import type { Spool } from "@aegis/spool/spool";
import { orders } from "./orders.ts";

interface Log {
  append(...event: unknown[]): Promise<void>;
}

type EventLog = (options: { readonly spool: Spool }) => Log;

/** authz's log of events with a planted defect. */
export function wrap({ eventLog: real }: { readonly eventLog: EventLog }): { readonly eventLog: EventLog } {
  return {
    eventLog(options) {
      const log = real({ ...options, spool: forgetful(options.spool) });
      return {
        ...log,
        append(...event) {
          const appended = log.append(...event);
          if (orders().sabotage !== "answer-first") return appended;
          appended.catch(() => undefined);
          return Promise.resolve();
        },
      };
    },
  };
}

/** A spool that finds nothing again once it was sent, when that is the planted defect. */
function forgetful(spool: Spool): Spool {
  const again = spool.again.bind(spool);
  spool.again = async function* (...range) {
    const { sabotage } = orders();
    if (sabotage !== "free-on-ack" && sabotage !== "forget-unsent") yield* again(...range);
  };
  return spool;
}
