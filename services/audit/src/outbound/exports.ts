import type { Bus } from "@aegis/bus/connect";
import { type OutwardOptions, poster } from "@aegis/http/outward";
import type { Database } from "@aegis/postgres/connect";
import { tenantSecrets } from "@aegis/service/tenant-secrets";
import type { ExportPorts } from "#usecases/export-ports.ts";
import { elasticCarrier } from "./carriers/elastic.ts";
import { fileCarrier } from "./carriers/file.ts";
import { natsCarrier, streamCarrier } from "./carriers/nats.ts";
import { splunkCarrier } from "./carriers/splunk.ts";
import { syslogCarrier } from "./carriers/syslog.ts";
import type { AuditDatabase } from "./database.ts";
import { exportRows } from "./export-rows.ts";
import { sinkStore } from "./sink-store.ts";

export interface ExportSettings {
  readonly instance: string;
  /** Holds sinks' secrets, as `<tenant>/<name>`. */
  readonly sinkSecretsDirectory?: string | undefined;
  /** Where sinks of kind `file` write. */
  readonly sinkDirectory?: string | undefined;
  /** Whether sinks may reach internal addresses, and by http: everywhere, or else these hosts. */
  readonly sinksAllowInternal: boolean;
  readonly sinkInternalHosts: ReadonlySet<string>;
}

/** Every port that exports, streams and sinks stand on. */
export function exportPorts(
  db: Database<AuditDatabase>,
  bus: Bus,
  { instance, sinkSecretsDirectory, sinkDirectory, sinksAllowInternal, sinkInternalHosts }: ExportSettings,
): Omit<ExportPorts, "exportSignals"> & Disposable {
  const allowInternal: OutwardOptions["allowInternal"] = sinksAllowInternal || sinkInternalHosts;
  const secret = tenantSecrets(sinkSecretsDirectory);
  const tools = { secret, allowInternal, post: poster({ allowInternal, timeoutMs: 20_000, maxAnswerBytes: 8 * 1024 * 1024 }) };
  const stream = streamCarrier(bus);
  return {
    rows: exportRows(db),
    sinks: sinkStore(db, instance),
    carriers: {
      splunk: splunkCarrier(tools),
      elastic: elasticCarrier(tools),
      syslog: syslogCarrier(tools),
      nats: natsCarrier(tools),
      file: fileCarrier(sinkDirectory),
      stream,
    },
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}
