import { AegisError } from "@aegis/contracts/errors";
import { callJson } from "@aegis/http/client";
import type { Signer } from "#usecases/ports.ts";

/** The signer's process, over HTTP. Throws `unavailable` while it cannot be reached. */
export function signerClient(options: { url: string; credential: () => Promise<string> }): Signer {
  return {
    async sign(origin, { size, root, from, proof }) {
      const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
      const json = { origin, size, root: base64(root), from, proof: proof.map(base64) };
      try {
        const bearer = await options.credential();
        const { note } = await callJson<{ note: string }>(`${options.url}/v1/checkpoints`, { bearer, json, timeoutMs: 10_000 });
        return { ok: true, note };
      } catch (error) {
        if (!(error instanceof AegisError) || error.code !== "conflict") throw error;
        const { size: signed, root: signedRoot } = error.details ?? {};
        if (!Number.isSafeInteger(signed) || typeof signedRoot !== "string") throw error;
        return { ok: false, last: { size: signed as number, root: Buffer.from(signedRoot, "base64") } };
      }
    },
  };
}
