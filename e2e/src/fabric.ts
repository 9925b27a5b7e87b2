import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Endpoints, readEndpoints } from "@aegis/contracts/endpoints";
import { Cli, run } from "./cli.ts";

/** A whole fabric, started as a user starts one. */
export interface Fabric extends AsyncDisposable {
  readonly dataDirectory: string;
  readonly endpoints: Endpoints;
  readonly cli: Cli;
}

/** Starts a fabric of its own in a fresh directory; disposing stops it and removes the directory. */
export async function startFabric(...extra: string[]): Promise<Fabric> {
  return startFabricIn(await mkdtemp(join(tmpdir(), "aegis-e2e-")), {}, ...extra);
}

/** The same in a directory that is there already, with more in the environment. */
export async function startFabricIn(dataDirectory: string, environment: Record<string, string>, ...extra: string[]): Promise<Fabric> {
  const up = await run(["up", "--detach", "--ports", "auto", "--data-dir", dataDirectory, ...extra], { environment, timeoutMs: 240_000 });
  if (up.code !== 0) throw new Error(`up exited ${up.code}\n${up.stdout}\n${up.stderr}`);
  return {
    ...(await attach(dataDirectory)),
    [Symbol.asyncDispose]: async () => {
      await run(["down", "--data-dir", dataDirectory]);
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** Finds a fabric that is already running. */
export async function attach(dataDirectory: string): Promise<Omit<Fabric, typeof Symbol.asyncDispose>> {
  const endpointsFile = join(dataDirectory, "endpoints.json");
  const endpoints = readEndpoints(JSON.parse(await readFile(endpointsFile, "utf8")));
  if (endpoints === undefined) throw new Error(`${endpointsFile} does not describe a fabric`);
  return { dataDirectory, endpoints, cli: new Cli(endpointsFile) };
}
