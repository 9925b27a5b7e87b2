import { dirname, join, resolve } from "node:path";
import { type Endpoints, readEndpoints } from "@aegis/contracts/endpoints";
import { namePattern } from "@aegis/contracts/name-patterns";
import type { Command } from "commander";
import { Failure, usage } from "./failure.ts";
import { readIfPresent } from "./files.ts";
import { Output } from "./output.ts";

/** The clone's root directory. */
export const repositoryRoot = resolve(import.meta.dirname, "../../..");

export interface GlobalOptions {
  json?: boolean;
  tenant?: string;
  endpoints?: string;
  dataDir?: string;
}

/** What every command knows: where the fabric is, which tenant is meant, where words go. */
export class Context {
  readonly output: Output;
  readonly #options: GlobalOptions;

  constructor(options: GlobalOptions, output = new Output({ json: options.json === true })) {
    this.#options = options;
    this.output = output;
  }

  get json(): boolean {
    return this.output.json;
  }

  get #endpointsFile(): string | undefined {
    return this.#options.endpoints ?? process.env.AEGIS_ENDPOINTS;
  }

  /** `--data-dir`, else where the endpoints file lies, else `.aegis/data` of the clone. */
  get dataDirectory(): string {
    if (this.#options.dataDir) return resolve(this.#options.dataDir);
    if (this.#endpointsFile) return dirname(resolve(this.#endpointsFile));
    return join(repositoryRoot, ".aegis", "data");
  }

  /** Whether a certain fabric was asked for, by its endpoints. */
  get namesEndpoints(): boolean {
    return this.#endpointsFile !== undefined;
  }

  /** The endpoints file that decides which fabric is meant; undefined when the data directory does. */
  get namedEndpoints(): string | undefined {
    return this.#options.dataDir || !this.#endpointsFile ? undefined : resolve(this.#endpointsFile);
  }

  get optionalTenant(): string | undefined {
    const tenant = this.#options.tenant ?? process.env.AEGIS_TENANT;
    if (tenant !== undefined && !namePattern.test(tenant)) {
      throw usage(`"${tenant}" is not a tenant's name: use lower-case letters, digits and hyphens, at most 63`);
    }
    return tenant;
  }

  tenant(): string {
    const tenant = this.optionalTenant;
    if (tenant === undefined) throw usage("say which tenant is meant: --tenant NAME (or set AEGIS_TENANT)");
    return tenant;
  }

  /** The running fabric's endpoints; fails when there is none. */
  async endpoints(): Promise<Endpoints> {
    const file = this.#options.dataDir
      ? join(this.dataDirectory, "endpoints.json")
      : (this.#endpointsFile ?? join(this.dataDirectory, "endpoints.json"));
    const text = await readIfPresent(file);
    if (text === undefined) throw new Failure(`no fabric is running here (there is no ${file}): start one with ./aegis up`);
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch {
      throw new Failure(`${file} is not JSON: name the endpoints.json that ./aegis up wrote`);
    }
    const found = readEndpoints(document);
    if (found === undefined) throw new Failure(`${file} does not describe a fabric: name the endpoints.json that ./aegis up wrote`);
    return found;
  }
}

/** Makes a commander action of a function that takes the context, the options and the arguments, and may give the exit status. */
export function action<O extends object, A extends readonly unknown[]>(
  run: (context: Context, options: O & GlobalOptions, ...args: A) => Promise<unknown>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals() as O & GlobalOptions;
    const status = await run(new Context(options), options, ...(given.slice(0, -2) as unknown as A));
    if (typeof status === "number") process.exitCode = status;
  };
}
