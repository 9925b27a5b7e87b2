import { connectBus } from "@aegis/bus/connect";
import { AegisError } from "@aegis/contracts/errors";
import { runService } from "@aegis/service/run";
import { readDrainConfig } from "./config.ts";
import { followWatermark } from "./inbound/events.ts";
import { eventLog, openEvents } from "./outbound/event-log.ts";
import { keepStreams } from "./outbound/streams.ts";

/**
 * Empties the spool of a replica that will not come back: sends what the ledger does not have, waits until it has it under a checkpoint, and
 * ends. Never beside the replica itself: one process holds a spool.
 */
const config = readDrainConfig();
await runService({ name: "authz-drain", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, instance } = context;
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: replicas } = config;
  const spool = own(await openEvents({ directory: config.spoolDirectory, logger, limits: { maxBytes: Number.MAX_SAFE_INTEGER } }));
  const bytes = spool.bytes();
  const bus = own(await connectBus({ url, user, password, replicas, name: `${instance}-drain`, logger, wait: false }));
  own(keepStreams(bus, logger));
  const log = own(eventLog({ spool, bus, instance, producerKey: config.producerKey, logger }));
  followWatermark(bus, context, log);
  const until = performance.now() + config.timeoutSeconds * 1_000;
  while (spool.bytes() > 0 && !context.stopping.aborted) {
    if (performance.now() > until)
      throw new AegisError("deadline_exceeded", `${spool.bytes()} of ${bytes} bytes are not in the ledger yet`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  if (context.stopping.aborted) throw new AegisError("unavailable", "stopped before the spool was empty");
  process.stdout.write(`${JSON.stringify({ instance, drained: bytes })}\n`);
  context.done();
});
