import { AegisError } from "@aegis/contracts/errors";
import type { HttpServer } from "@aegis/http/server";
import type { PeerVerifier } from "@aegis/rpc/peer";
import { z } from "zod";
import type { SigningRequest } from "#domain/signing.ts";
import type { Signed } from "#usecases/sign.ts";

const hash = z.base64().length(44);
const body = z.object({
  /** The log's origin, which names the signing key (C2SP tlog-checkpoint). */
  origin: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/),
  size: z.int().min(1),
  root: hash,
  /** What the consistency proof starts from: the size signed last. */
  from: z.int().min(0),
  proof: z.array(hash).max(128),
});

/** `POST /v1/checkpoints` for the audit service alone: `{note}`, or 409 with the size and root signed last. */
export function signerRoutes(
  server: HttpServer,
  { peer, sign }: { peer: PeerVerifier; sign: (origin: string, request: SigningRequest) => Promise<Signed> },
): void {
  server.post("/v1/checkpoints", { schema: { body } }, async (request) => {
    await peer(request.headers.authorization);
    const { origin, size, from } = request.body;
    const bytes = (text: string) => Buffer.from(text, "base64");
    const signed = await sign(origin, { size, from, root: bytes(request.body.root), proof: request.body.proof.map(bytes) });
    if (signed.ok) return { note: signed.note };
    const { last } = signed;
    throw new AegisError("conflict", "this checkpoint does not continue what was signed before", {
      details: { size: last.size, root: Buffer.from(last.root).toString("base64") },
    });
  });
}
