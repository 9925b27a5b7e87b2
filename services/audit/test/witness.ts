import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import { cosignedText, witnessKeyHash } from "@aegis/tlog/cosignature";
import { rawPublicKey, type VerifierKey } from "@aegis/tlog/note";
import { type TreeHead, verifyConsistency } from "@aegis/tlog/proof";
import { emptyRoot } from "@aegis/tlog/tree";

export interface TestWitness extends AsyncDisposable {
  readonly key: VerifierKey;
  readonly vkey: string;
  /** Its vkey and address, as audit is told of it. */
  readonly setting: string;
  /** Status of every answer so far. */
  readonly answers: readonly number[];
  /** Forgets what it saw of an origin. */
  forget(origin: string): void;
}

/** A witness as C2SP tlog-witness has it: it signs what continues what it signed before, and nothing else. */
export async function startWitness(name: string, log: VerifierKey): Promise<TestWitness> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const publicKey = rawPublicKey(privateKey);
  const key = { name, keyHash: witnessKeyHash(name, publicKey), publicKey };
  const seen = new Map<string, TreeHead>();
  const answers: number[] = [];
  const answer = (body: string): [status: number, text: string] => {
    const split = body.indexOf("\n\n");
    const [first = "", ...path] = body.slice(0, split).split("\n");
    const old = Number(/^old (\d+)$/.exec(first)?.[1] ?? Number.NaN);
    const note = body.slice(split + 2);
    const origin = note.split("\n")[0] ?? "";
    if (!origin.startsWith(`${log.name}/`)) return [404, ""];
    const opened = openCheckpoint(note, tenantKey(log, origin.slice(log.name.length + 1)));
    if (!opened.ok) return [403, ""];
    const { size, root } = opened.checkpoint;
    const last = seen.get(origin) ?? { size: 0, root: emptyRoot };
    if (!(old <= size)) return [400, ""];
    if (old !== last.size) return [409, `${last.size}\n`];
    const proof = path.map((line) => Buffer.from(line, "base64"));
    if (!verifyConsistency(last, { size, root }, proof)) return [422, ""];
    seen.set(origin, { size, root });
    const seconds = Math.floor(Date.now() / 1000);
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(seconds));
    const signature = sign(null, cosignedText(note.slice(0, note.lastIndexOf("\n\n") + 1), seconds), privateKey);
    return [200, `— ${name} ${Buffer.concat([Buffer.from(key.keyHash, "hex"), time, signature]).toString("base64")}\n`];
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [status, text] = request.url === "/w/add-checkpoint" ? answer(Buffer.concat(chunks).toString()) : [404, ""];
      answers.push(status);
      response.writeHead(status, { "content-type": status === 409 ? "text/x.tlog.size" : "text/plain" }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const vkey = `${name}+${key.keyHash}+${Buffer.concat([Uint8Array.of(0x04), publicKey]).toString("base64")}`;
  return {
    key,
    vkey,
    setting: `${vkey} http://127.0.0.1:${(server.address() as AddressInfo).port}/w`,
    answers,
    forget: (origin) => void seen.delete(origin),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
