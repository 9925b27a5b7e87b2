import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import type { Ports } from "#usecases/ports.ts";
import { type Callers, readers } from "./callers.ts";

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const member = z.string().regex(/^[A-Z0-9]{1,32}$/);
const querystring = z.object({ tenant: tenantName });
const view = z.object({ member, user: z.string() });

/** The routes under /v1/channels/{name}/members: which person a platform's user is. Who is registered may vote there. */
export function memberRoutes(server: HttpServer, ports: ChannelPorts & Pick<Ports, "clock">, who: Callers): void {
  server.get(
    "/v1/channels/:name/members",
    { schema: { params: z.object({ name }), querystring, response: { 200: z.object({ members: z.array(view) }) } } },
    async ({ params, query, headers }) => {
      await (await who.operator(headers.authorization)).read(query.tenant, "members", ...readers);
      const members = await ports.members.list(query.tenant, params.name);
      return { members: members.map(({ member, person }) => ({ member, user: person })) };
    },
  );

  const params = z.object({ name, member });
  const body = z.strictObject({
    user: z
      .string()
      .min(1)
      .max(320)
      .regex(/^\P{Cc}+$/u),
  });
  server.put(
    "/v1/channels/:name/members/:member",
    { schema: { params, querystring, body, response: { 200: view } } },
    async ({ params, query, body, headers }) => {
      const operator = await who.operator(headers.authorization);
      operator.require(query.tenant, "admin");
      if ((await ports.channels.find(query.tenant, params.name)) === undefined) throw noChannel(params.name);
      await ports.members.put(query.tenant, params.name, params.member, body.user, operator.user, ports.clock.now().getTime());
      return { member: params.member, user: body.user };
    },
  );

  server.delete(
    "/v1/channels/:name/members/:member",
    { schema: { params, querystring, response: { 204: z.undefined() } } },
    async ({ params, query, headers }, reply) => {
      (await who.operator(headers.authorization)).require(query.tenant, "admin");
      if (!(await ports.members.remove(query.tenant, params.name, params.member))) {
        throw new AegisError("not_found", `${params.member} is not registered in ${params.name}`);
      }
      return reply.status(204).send(undefined);
    },
  );
}

const noChannel = (name: string) => new AegisError("not_found", `there is no channel ${name}`);
