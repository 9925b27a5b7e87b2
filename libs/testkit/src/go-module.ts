import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A published Go module at one version: how vectors of others are had without copying them. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** `h1:` digest of its content, as go.sum has it. */
  readonly sum: string;
}

/**
 * The directory of a Go module's files, fetched through the module proxy unless it is there. Undefined, with the reason printed, where
 * there is no Go or no proxy; other content than `sum` says is an error.
 */
export async function goModule({ path, version, sum }: GoModule): Promise<string | undefined> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/local/go/bin`, GOFLAGS: "-mod=mod" };
  const given = await run("go", ["mod", "download", "-json", `${path}@${version}`], { env, timeout: 120_000 }).catch((error: Error) => {
    console.log(`${path} cannot be fetched (${String(error.message).split("\n")[0]})`);
    return undefined;
  });
  if (given === undefined) return undefined;
  const module = JSON.parse(given.stdout) as { readonly Dir: string; readonly Sum: string };
  if (module.Sum !== sum) throw new Error(`${path}@${version} is ${module.Sum}, not ${sum}`);
  return module.Dir;
}
