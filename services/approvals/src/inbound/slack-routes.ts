import { AegisError } from "@aegis/contracts/errors";
import type { HttpServer } from "@aegis/http/server";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { signedClick } from "#usecases/click.ts";
import type { Ports } from "#usecases/ports.ts";
import { clickOfForm } from "./slack-payload.ts";

const form = "application/x-www-form-urlencoded";

/** Where Slack posts what people press. The signature is over the bytes as they came, so here no body is parsed before. */
export async function slackRoutes(server: HttpServer, ports: Ports & ChannelPorts): Promise<void> {
  await server.register(async (scope) => {
    scope.removeContentTypeParser(form);
    scope.addContentTypeParser(form, { parseAs: "string", bodyLimit: 64 * 1024 }, (_, body, done) => done(null, body));
    scope.post("/integrations/slack/actions", { schema: { hide: true } }, async ({ body, headers }, reply) => {
      const click = typeof body === "string" ? clickOfForm(body) : undefined;
      if (typeof body !== "string" || click === undefined) throw new AegisError("invalid_argument", "not a click on a message of ours");
      const one = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined);
      await signedClick(ports, click, { timestamp: one("x-slack-request-timestamp"), signature: one("x-slack-signature"), body });
      return reply.status(200).send();
    });
  });
}
