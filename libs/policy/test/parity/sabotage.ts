import { hash } from "node:crypto";
import { CompactSign, decodeJwt, importJWK } from "jose";
import { packFiles, unpackFiles } from "../../src/bundle/tarball.ts";
import type { OpaServers } from "../opa-server.ts";

const rego = "aegis/decision.rego";
const signatures = ".signatures.json";

/** Swaps one operator of the emitted Rego and signs the bundle again, so that OPA loads it. */
export function sabotaged({ sign }: OpaServers, operator: string, other: string): (tarball: Uint8Array) => Promise<Uint8Array> {
  return async (tarball) => {
    const files = new Map(await unpackFiles(tarball));
    const before = Buffer.from(files.get(rego)!).toString();
    const after = before.replace(operator, other);
    if (after === before) throw new Error(`the Rego has no "${operator}"`);
    files.set(rego, Buffer.from(after));
    const [token] = (JSON.parse(Buffer.from(files.get(signatures)!).toString()) as { signatures: [string] }).signatures;
    const listed = (decodeJwt(token).files as { name: string; hash: string }[]).map((file) =>
      file.name === rego ? { ...file, hash: hash("sha256", after, "hex") } : file,
    );
    const payload = Buffer.from(JSON.stringify({ files: listed }));
    const header = { alg: "ES256", typ: "JWT", kid: sign.key.kid };
    const signed = await new CompactSign(payload).setProtectedHeader(header).sign(await importJWK(sign.key, "ES256"));
    files.set(signatures, Buffer.from(JSON.stringify({ signatures: [signed] })));
    return packFiles(files);
  };
}
