import { readFile } from "node:fs/promises";
import { AegisError } from "@aegis/contracts/errors";
import { callHttp } from "@aegis/http/client";
import { keyAlgorithms } from "@aegis/identity/keys";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { peerToken } from "@aegis/rpc/peer";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { z } from "zod";
import type { RevocationSnapshots, Tokens } from "#usecases/ports.ts";
import { writeDurably } from "./durable-file.ts";

/** What the token service tells. */
export interface TokenService {
  readonly tokens: Tokens;
  readonly revocations: RevocationSnapshots;
}

export const tokenService = (options: { issuer: string; jwksUrl: string; cacheFile: string; keyFile: string }): TokenService => ({
  tokens: tokenKeys(options),
  revocations: revocationSnapshots(options),
});

/** Verifies agents' tokens by the token service's keys; the last good key set is kept in `cacheFile`. */
function tokenKeys(options: { issuer: string; jwksUrl: string; cacheFile: string }): Tokens {
  return agentTokenVerifier({
    issuer: options.issuer,
    jwks: options.jwksUrl,
    cache: {
      load: () => readFile(options.cacheFile, "utf8").catch(() => undefined),
      save: (jwks) => writeDurably(options.cacheFile, jwks),
    },
  });
}

const snapshot = z.object({ iat: z.int(), revocations: z.record(z.string(), z.unknown()) });

/** Fetches the token service's signed snapshot of revocations (`GET <issuer>/v1/revocations`). */
function revocationSnapshots(options: { issuer: string; jwksUrl: string; keyFile: string }): RevocationSnapshots {
  const credential = peerToken({ keyFile: options.keyFile, service: "authz", audience: "token" });
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), { timeoutDuration: 2_000 });
  return {
    async fetch() {
      try {
        const response = await callHttp(`${options.issuer}/v1/revocations`, { bearer: await credential(), timeoutMs: 2_000 });
        const { payload } = await jwtVerify((await response.text()).trim(), keys, {
          issuer: options.issuer,
          typ: "revocations+jwt",
          algorithms: [...keyAlgorithms],
        });
        const { iat, revocations } = snapshot.parse(payload);
        return { issuedAt: iat * 1000, entries: revocations };
      } catch (cause) {
        throw new AegisError("unavailable", "the token service's revocations cannot be had", { cause });
      }
    },
  };
}
