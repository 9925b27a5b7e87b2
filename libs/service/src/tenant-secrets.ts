import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AegisError } from "@aegis/contracts/errors";

/** Reads a tenant's secret by its name. */
export type TenantSecrets = (tenant: string, name: string) => Promise<string>;

/**
 * Secrets as files `<directory>/<tenant>/<name>`, read whenever one is needed: a changed one is used at once. What a tenant
 * configures can name only that tenant's.
 */
export const tenantSecrets =
  (directory: string | undefined): TenantSecrets =>
  async (tenant, name) => {
    if (directory === undefined) throw new AegisError("precondition_failed", "no directory of secrets is configured");
    if (!/^[a-z0-9][a-z0-9-]*$/.test(tenant) || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
      throw new AegisError("invalid_argument", "not the name of a secret");
    }
    try {
      const text = (await readFile(join(directory, tenant, name), "utf8")).trim();
      if (text !== "") return text;
    } catch (cause) {
      throw new AegisError("precondition_failed", `secret ${name} of tenant ${tenant} cannot be read`, { cause });
    }
    throw new AegisError("precondition_failed", `secret ${name} of tenant ${tenant} is empty`);
  };
