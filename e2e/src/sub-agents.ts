import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { importJWK, type JWK, SignJWT } from "jose";
import type { Tenant } from "./tenant.ts";

/** A delegated token, or why there is none. */
export type Spawned = { readonly token: string } | { readonly error: string };

/** Hands work on over HTTP, as an orchestrator does: each call is another copy of the child. */
export async function spawner(
  tenant: Tenant,
  child: string,
  keyFile: string,
): Promise<(parent: string, prompt: string) => Promise<Spawned>> {
  const jwk = JSON.parse(await readFile(keyFile, "utf8")) as JWK & { alg: string; kid: string };
  const key = await importJWK(jwk, jwk.alg);
  const issuer = tenant.fabric.endpoints.token.http;
  const client = `${tenant.name}/${child}`;
  return async (parent, prompt) => {
    const assertion = await new SignJWT({})
      .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid })
      .setIssuer(client)
      .setSubject(client)
      .setAudience(issuer)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime("60s")
      .sign(key);
    const form = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: parent,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
      instance: randomUUID(),
      prompt_id: prompt,
    });
    const answer = (await (await fetch(`${issuer}/oauth/token`, { method: "POST", body: form })).json()) as {
      access_token?: string;
      error?: string;
      error_description?: string;
    };
    return answer.access_token === undefined ? { error: `${answer.error}: ${answer.error_description}` } : { token: answer.access_token };
  };
}
