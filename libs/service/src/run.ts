import { startTelemetry, type Telemetry } from "@aegis/telemetry/telemetry";
import { Health } from "./health.ts";
import { createLogger, type Logger } from "./logger.ts";

/** Everything a service acquires on start-up is handed to `own`, and released in reverse order on shutdown. */
export type Own = <T extends AsyncDisposable | Disposable>(resource: T) => T;

/** What every service is given. */
export interface ServiceContext {
  readonly own: Own;
  readonly logger: Logger;
  readonly health: Health;
  readonly telemetry: Telemetry;
  readonly instance: string;
  /** Aborts when the service is asked to stop. */
  readonly stopping: AbortSignal;
  /** Stops the service in good order and exits 1: for a state that only a fresh start mends. */
  readonly giveUp: (why: Error) => void;
  /** Stops it in good order and exits 0: for what has an end. */
  readonly done: () => void;
}

/**
 * Runs a service until SIGINT or SIGTERM, then releases what it owns in reverse order.
 * The process ends by itself; a shutdown that hangs is cut after ten seconds. Start-up that fails exits 1 and says why.
 */
export async function runService(
  identity: { name: string; instance: string; logLevel: string },
  start: (context: ServiceContext) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(signal));
  const logger = createLogger({ service: identity.name, instance: identity.instance, level: identity.logLevel });
  // A promise nobody awaited means a state nobody checked: stop, and let the supervisor start clean.
  process.on("unhandledRejection", (reason) => fail(logger, reason));
  process.on("uncaughtException", (error) => fail(logger, error));
  try {
    await using owned = new AsyncDisposableStack();
    const telemetry = owned.use(startTelemetry({ service: identity.name, instance: identity.instance }));
    const health = new Health();
    await start({
      own: (resource) => owned.use(resource),
      logger,
      health,
      telemetry,
      instance: identity.instance,
      stopping: stop.signal,
      done: () => stop.abort("done"),
      giveUp: (why) => {
        process.exitCode = 1;
        logger.fatal({ err: why }, why.message);
        stop.abort("gave up");
      },
    });
    logger.info("started");
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
    logger.info({ signal: stop.signal.reason }, "stopping");
    setTimeout(() => fail(logger, new Error("shutdown took longer than 10 s")), 10_000).unref();
  } catch (error) {
    logger.fatal({ err: error }, error instanceof Error ? error.message : "failed");
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 1_000).unref();
  }
}

function fail(logger: Logger, error: unknown): void {
  logger.fatal({ err: error }, "unexpected failure");
  process.exit(1);
}
