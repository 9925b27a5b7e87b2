import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

export type Target = { kind: "webhook"; url: string; secret: string };

/** A channel as the approvals service shows it. */
export interface Channel {
  name: string;
  queues: string[];
  afterSeconds: number;
  target: Target;
}

/** The channels of the chosen tenant, as an admin. */
export async function channelsClient(context: Context) {
  const tenant = context.tenant();
  const service = await control(context, "approvals", { role: "admin", tenant });
  const at = (name: string) => `/v1/channels/${encodeURIComponent(name)}${query({ tenant })}`;
  return {
    list: async () => (await service.json<{ channels: Channel[] }>(`/v1/channels${query({ tenant })}`)).channels,
    put: (name: string, channel: Omit<Channel, "name">) => service.json<Channel>(at(name), { method: "PUT", json: channel }),
    remove: (name: string) => service.json<void>(at(name), { method: "DELETE" }),
  };
}
