import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Channel } from "#domain/channel.ts";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import type { Ports } from "#usecases/ports.ts";
import { type Callers, readers } from "./callers.ts";

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);

/** The name of a file among the tenant's secrets; never a secret. */
const secretName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);

const url = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .refine((text) => URL.canParse(text) && new URL(text).username === "" && new URL(text).password === "", "holds a login");

const address = z.email().max(254);

const target = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), url, /** Of a Standard Webhooks secret, "whsec_…". */ secret: secretName }),
  z.strictObject({
    kind: z.literal("slack"),
    /** A channel's id. */
    conversation: z.string().regex(/^[A-Z0-9]{1,32}$/),
    botToken: secretName,
    signingSecret: secretName,
    /** With it, clicks come over a connection that we open. */
    appToken: secretName.optional(),
  }),
  z.strictObject({ kind: z.literal("teams"), /** Of the Workflows webhook's URL. */ webhook: secretName }),
  z.strictObject({
    kind: z.literal("email"),
    /** Of the server's URL, with its login. */ smtp: secretName,
    from: address,
    to: z.array(address).min(1).max(50),
  }),
]);

const body = z.strictObject({
  /** Empty: every queue. */
  queues: z.array(z.string().min(1).max(128)).max(100).default([]),
  /** Zero: told at once; else told only of what still waits then. */
  afterSeconds: z.int().min(0).max(604_800).default(0),
  target,
});

const channelView = body.extend({ name });

/** The routes under /v1/channels. */
export function channelRoutes(
  server: HttpServer,
  ports: ChannelPorts & Pick<Ports, "clock">,
  who: Callers,
  options: { readonly allowInternal: boolean },
): void {
  const querystring = z.object({ tenant: tenantName });

  server.get(
    "/v1/channels",
    { schema: { querystring, response: { 200: z.object({ channels: z.array(channelView) }) } } },
    async ({ query, headers }) => {
      await (await who.operator(headers.authorization)).read(query.tenant, "channels", ...readers);
      return { channels: (await ports.channels.list(query.tenant)).map(viewOf) };
    },
  );

  server.put(
    "/v1/channels/:name",
    { schema: { params: z.object({ name }), querystring, body, response: { 200: channelView } } },
    async ({ params, query, body, headers }) => {
      const operator = await who.operator(headers.authorization);
      operator.require(query.tenant, "admin");
      if (body.target.kind === "webhook" && !options.allowInternal && !body.target.url.startsWith("https:")) {
        throw new AegisError("invalid_argument", "a webhook's URL must be https");
      }
      const channel = { tenant: query.tenant, name: params.name, ...body };
      await ports.channels.put(channel, operator.user, ports.clock.now().getTime());
      return viewOf(channel);
    },
  );

  server.delete(
    "/v1/channels/:name",
    { schema: { params: z.object({ name }), querystring, response: { 204: z.undefined() } } },
    async ({ params, query, headers }, reply) => {
      (await who.operator(headers.authorization)).require(query.tenant, "admin");
      if (!(await ports.channels.remove(query.tenant, params.name))) {
        throw new AegisError("not_found", `there is no channel ${params.name}`);
      }
      return reply.status(204).send(undefined);
    },
  );
}

const viewOf = ({ name, queues, afterSeconds, target }: Channel) => ({
  name,
  queues: [...queues],
  afterSeconds,
  target: target.kind === "email" ? { ...target, to: [...target.to] } : target,
});
