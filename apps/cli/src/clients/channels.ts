import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

export type Target =
  | { kind: "webhook"; url: string; secret: string }
  | { kind: "slack"; conversation: string; botToken: string; signingSecret: string; appToken?: string }
  | { kind: "teams"; webhook: string }
  | { kind: "email"; smtp: string; from: string; to: string[] };

/** A channel as the approvals service shows it. */
export interface Channel {
  name: string;
  queues: string[];
  afterSeconds: number;
  target: Target;
}

/** A platform's user, and the person it is. */
export interface Member {
  member: string;
  user: string;
}

/** The channels of the chosen tenant, as an admin. */
export async function channelsClient(context: Context) {
  const tenant = context.tenant();
  const service = await control(context, "approvals", { role: "admin", tenant });
  const at = (name: string, rest = "") => `/v1/channels/${encodeURIComponent(name)}${rest}${query({ tenant })}`;
  return {
    list: async () => (await service.json<{ channels: Channel[] }>(`/v1/channels${query({ tenant })}`)).channels,
    put: (name: string, channel: Omit<Channel, "name">) => service.json<Channel>(at(name), { method: "PUT", json: channel }),
    members: async (name: string) => (await service.json<{ members: Member[] }>(at(name, "/members"))).members,
    register: (name: string, { member, user }: Member) =>
      service.json<Member>(at(name, `/members/${encodeURIComponent(member)}`), { method: "PUT", json: { user } }),
    unregister: (name: string, member: string) =>
      service.json<void>(at(name, `/members/${encodeURIComponent(member)}`), { method: "DELETE" }),
    remove: (name: string) => service.json<void>(at(name), { method: "DELETE" }),
  };
}
