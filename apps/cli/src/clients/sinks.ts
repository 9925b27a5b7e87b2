import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

export type SinkTarget =
  | { kind: "splunk"; url: string; token: string; index?: string; acknowledge: boolean }
  | { kind: "elastic"; url: string; index: string; apiKey?: string }
  | { kind: "syslog"; host: string; port: number; ca?: string; cert?: string; key?: string }
  | { kind: "nats"; url: string; subject: string; user?: string; password?: string }
  | { kind: "file" };

export interface SinkSettings {
  target: SinkTarget;
  format?: string;
  kinds?: string[];
  from?: "start" | "now";
}

/** A sink as the audit service shows it. */
export interface Sink {
  name: string;
  target: SinkTarget;
  format: string;
  kinds: string[];
  state: "up to date" | "behind" | "failing";
  behind: number;
  delivered: number;
  rejected: number;
  failingSince?: string;
  lastError?: string;
  /** Newest first, at most a hundred. */
  rejections?: { sequence: number; reason: string; at: string }[];
}

/** What a tenant's own login on NATS may do. */
export interface TenantStreamView {
  user: string;
  stream: string;
  durable: string;
  apiPrefix: string;
  subjects: string[];
}

/** The sinks of the chosen tenant, as an admin. */
export async function sinksClient(context: Context) {
  const tenant = context.tenant();
  const service = await control(context, "audit", { role: "admin", tenant });
  const at = (name: string) => `/v1/sinks/${encodeURIComponent(name)}${query({ tenant })}`;
  return {
    list: async () => (await service.json<{ sinks: Sink[] }>(`/v1/sinks${query({ tenant })}`)).sinks,
    show: (name: string) => service.json<Sink>(at(name)),
    put: (name: string, settings: SinkSettings) => service.json<Sink>(at(name), { method: "PUT", json: settings }),
    remove: (name: string) => service.json<void>(at(name), { method: "DELETE" }),
    openStream: () => service.json<TenantStreamView>(`/v1/streams/${encodeURIComponent(tenant)}`, { method: "PUT" }),
  };
}
