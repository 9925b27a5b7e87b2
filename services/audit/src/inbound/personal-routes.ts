import { tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { PeerVerifier } from "@aegis/rpc/peer";
import { z } from "zod";
import { agreeToErase, type Erased, erase } from "#usecases/erase.ts";
import type { Erasure, PersonalPorts } from "#usecases/personal-ports.ts";
import { subjectKey } from "#usecases/subject-key.ts";
import { readers } from "./ledger-query.ts";

const person = z.string().min(1).max(512);
const erasureBody = z
  .strictObject({
    tenant: tenantName,
    /** As calls name them. */
    subject: person.optional(),
    /** As the ledger knows them: to erase again after a backup was restored. */
    pseudonym: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    reason: z.string().trim().min(1).max(500),
  })
  .refine(({ subject, pseudonym }) => (subject === undefined) !== (pseudonym === undefined), "give subject or pseudonym");

/** Keys of data subjects for authz alone, and their erasure for people. */
export function personalRoutes(server: HttpServer, ports: PersonalPorts, auth: OperatorAuth, peer: PeerVerifier): void {
  const keyFor = subjectKey(ports);

  server.post("/v1/subject-keys", { schema: { body: z.object({ tenant: tenantName, subject: person }) } }, async (request) => {
    await peer(request.headers.authorization);
    const { key, secret } = await keyFor(request.body.tenant, request.body.subject);
    return { key, secret: Buffer.from(secret).toString("base64url") };
  });

  server.post("/v1/erasures", { schema: { body: erasureBody } }, async (request, reply) => {
    const { tenant, subject, pseudonym, reason } = request.body;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin");
    const who = subject === undefined ? { pseudonym: pseudonym as string } : { subject };
    const done = await erase(ports, tenant, who, { reason, by: operator.user });
    return reply.status(done.kind === "proposed" ? 202 : 200).send(erasedView(done));
  });

  server.get("/v1/erasures", { schema: { querystring: z.object({ tenant: tenantName }) } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "erasures", ...readers);
    return { erasures: (await ports.erasures.list(tenant, 1000)).map((erasure) => view(erasure, ports.clock.now())) };
  });

  const params = z.object({ /** `<id>:approve` */ idAndCommand: z.string().regex(/^[0-9a-f-]{36}:approve$/) });
  server.post("/v1/erasures/:idAndCommand", { schema: { params, querystring: z.object({ tenant: tenantName }) } }, async (request) => {
    const { tenant } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin");
    const id = request.params.idAndCommand.slice(0, -":approve".length);
    return erasedView(await agreeToErase(ports, tenant, id, operator.user));
  });
}

const erasedView = ({ kind, erasure, keys }: Erased) => ({ ...view(erasure, erasure.askedAt), state: kind, keys: keys.length });

const view = ({ tenant, id, subject, reason, by, askedAt, expiresAt, approver, doneAt }: Erasure, now: Date) => ({
  tenant,
  id,
  subject,
  state: doneAt !== null ? "erased" : now >= expiresAt ? "expired" : "proposed",
  reason,
  by,
  askedAt,
  ...(approver === null ? {} : { approver }),
  ...(doneAt === null ? { expiresAt } : { doneAt }),
});
