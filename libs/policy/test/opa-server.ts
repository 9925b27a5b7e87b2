import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet } from "jose";
import type { BundleSigner } from "../src/bundle/bundle.ts";

/** Where OPA is on this machine; `undefined`: nowhere. */
export const opa: string | undefined = findOpa();

/** An unmodified OPA with a bundle that it verified. */
export interface OpaServer {
  /** What it answers to one call, at the address that callers use. */
  decide(input: unknown): Promise<unknown>;
  /** The same, of a call's JSON text. */
  decideText(input: string): Promise<unknown>;
  /** What it answers to each of many calls, given as the JSON text of an array. */
  decideAll(inputs: string): Promise<unknown[]>;
  stop(): void;
}

/** A key pair, and servers that trust it. */
export class OpaServers {
  readonly #directory = mkdtempSync(join(tmpdir(), "aegis-opa-"));
  readonly #running = new Set<ChildProcess>();
  readonly #publicPem = join(this.#directory, "public.pem");
  readonly sign: BundleSigner;
  readonly keys: JSONWebKeySet;

  private constructor(sign: BundleSigner, publicPem: string) {
    this.sign = sign;
    const { d: _, ...key } = sign.key;
    this.keys = { keys: [key] };
    writeFileSync(this.#publicPem, publicPem);
  }

  static async create(): Promise<OpaServers> {
    const pair = await generateKeyPair("ES256", { extractable: true });
    return new OpaServers({ key: { ...(await exportJWK(pair.privateKey)), kid: "bundle-1" } }, await exportSPKI(pair.publicKey));
  }

  /** @throws Error with what OPA says when it ends instead of serving. */
  async start(tarball: Uint8Array, verification = this.#verification()): Promise<OpaServer> {
    const bundle = join(mkdtempSync(join(this.#directory, "bundle-")), "bundle.tar.gz");
    writeFileSync(bundle, tarball);
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(opa!, ["run", "-s", "-b", bundle, ...verification, "--addr", address, "--log-level", "error"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#running.add(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    const exited = new Promise<never>((_, reject) => {
      child.once("close", () => {
        this.#running.delete(child);
        reject(new Error(`opa ended: ${said}`));
      });
    });
    exited.catch(() => {});
    await Promise.race([exited, ready(`http://${address}/health?bundles`)]);
    const post = async (path: string, body: string): Promise<unknown> => {
      const response = await fetch(`http://${address}${path}`, { method: "POST", body });
      const answer = (await response.json()) as { result?: unknown };
      if (!response.ok) throw new Error(`opa answers ${response.status}: ${JSON.stringify(answer)}`);
      return answer.result;
    };
    return {
      decideText: (input) => post("/v1/data/aegis/decision", `{"input": ${input}}`),
      decide: (input) => post("/v1/data/aegis/decision", JSON.stringify({ input })),
      decideAll: async (inputs) => {
        const result = await post("/v1/query", `{"query": ${JSON.stringify(everyDecision)}, "input": ${inputs}}`);
        return (result as { decisions: unknown[] }[])[0]?.decisions ?? [];
      },
      stop: () => void child.kill(),
    };
  }

  #verification(): readonly string[] {
    return ["--verification-key", this.#publicPem, "--verification-key-id", "bundle-1", "--signing-alg", "ES256"];
  }

  close(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const everyDecision = "decisions := [decision | some call in input; decision := data.aegis.decision with input as call]";

async function ready(url: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("opa is not ready");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function findOpa(): string | undefined {
  const onPath = (process.env.PATH ?? "").split(delimiter).map((each) => join(each, "opa"));
  const own = fileURLToPath(new URL("../../../.aegis/tools/opa", import.meta.url));
  return [process.env.AEGIS_OPA, ...onPath, own].find((each) => each !== undefined && existsSync(each));
}
