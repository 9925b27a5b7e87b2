import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { Appended } from "#usecases/append.ts";
import type { ExportPorts } from "#usecases/export-ports.ts";
import { consumerRoutes, type EnsureConsumer } from "./consumer-routes.ts";
import { runDeliveries } from "./deliveries.ts";
import { exportRoutes } from "./export-routes.ts";
import { News } from "./news.ts";
import { sinkRoutes } from "./sink-routes.ts";
import { streamRoutes } from "./stream-routes.ts";

export interface Siem extends AsyncDisposable {
  /** Tells of new entries, and how many messages wait for theirs; needs no `this`. */
  readonly appended: (appended: Appended, waiting: number) => void;
}

/** Everything that takes entries to a SOC: exports, streams, sinks and the stream SIEM. */
export function serveSiem(
  server: HttpServer,
  ports: ExportPorts,
  auth: OperatorAuth,
  options: { readonly ensureConsumer: EnsureConsumer; readonly stopping: AbortSignal },
): Siem {
  const news = new News();
  exportRoutes(server, ports, auth);
  streamRoutes(server, ports, auth, { news, stopping: options.stopping });
  sinkRoutes(server, ports, auth);
  consumerRoutes(server, options.ensureConsumer, auth);
  const deliveries = runDeliveries(ports, { news });
  const appended = (told: Appended, waiting: number) => {
    deliveries.ingesting(waiting);
    news.appended(told);
  };
  return { appended, [Symbol.asyncDispose]: () => deliveries[Symbol.asyncDispose]() };
}
