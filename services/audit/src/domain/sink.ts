import type { ExportFormat } from "./export/formats.ts";

/** Where entries go. Secrets are named: each is a file `<tenant>/<name>` in the service's directory of secrets. */
export type SinkTarget =
  /** Splunk's HTTP Event Collector. With `acknowledge`, an entry counts as delivered once it is indexed. */
  | {
      readonly kind: "splunk";
      readonly url: string;
      readonly token: string;
      readonly index?: string | undefined;
      readonly acknowledge: boolean;
    }
  /** Elasticsearch's bulk API. `apiKey` names a secret. */
  | { readonly kind: "elastic"; readonly url: string; readonly index: string; readonly apiKey?: string | undefined }
  /** RFC 5424 over TLS, RFC 5425. `ca`, `cert` and `key` name secrets in PEM. */
  | {
      readonly kind: "syslog";
      readonly host: string;
      readonly port: number;
      readonly ca?: string | undefined;
      readonly cert?: string | undefined;
      readonly key?: string | undefined;
    }
  /** JetStream on another server: `<subject>.<tenant>`, acknowledged. `password` names a secret. */
  | {
      readonly kind: "nats";
      readonly url: string;
      readonly subject: string;
      readonly user?: string | undefined;
      readonly password?: string | undefined;
    }
  /** Files in the service's directory of sinks, which may be a mounted bucket. */
  | { readonly kind: "file" }
  /** Our own stream SIEM: what every tenant has. */
  | { readonly kind: "stream" };

export type SinkKind = SinkTarget["kind"];

/** The name of the sink that feeds the stream SIEM; no operator can give a sink this name. */
export const streamSink = "$siem";

/** The format when none is asked for. */
export const usualFormat: Readonly<Record<SinkKind, ExportFormat>> = {
  splunk: "ocsf",
  elastic: "ecs",
  syslog: "cef",
  nats: "ocsf",
  file: "jsonl",
  stream: "ocsf",
};

/** One of a batch that its target will never take. */
export interface Rejection {
  readonly sequence: number;
  readonly reason: string;
}

/** What became of a batch. */
export interface Settled {
  /** So many, from the first on, need not be sent again: they were taken, or refused for good. */
  readonly settled: number;
  readonly rejected: readonly Rejection[];
  /** Why the others were not; absent when there are none. */
  readonly failure?: string;
}

/** All of a batch was taken. */
export const allTaken = (many: number): Settled => ({ settled: many, rejected: [] });

/** None of it was. */
export const noneTaken = (failure: string): Settled => ({ settled: 0, rejected: [], failure });

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** How long to wait after so many failures in a row: twice as long each time, half a minute at most, spread by `random` in [0, 1). */
export const pauseAfter = (failures: number, random: number): number =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 16)) * (0.75 + random / 2);
