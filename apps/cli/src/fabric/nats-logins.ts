import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { observableSubjects, servicePermissions } from "@aegis/bus/permissions";
import { services, tenantStream } from "@aegis/contracts/subjects";
import { type NatsServerOptions, reloadNatsServer } from "@aegis/infra/nats-server";
import { readIfPresent } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";
import { ensureSecret } from "./keys.ts";
import { toolsDirectory } from "./tools.ts";

const passwordFile = ({ keys }: DataDirectory, user: string) => join(keys, `${user}.nats-password`);

export const serviceLogin = (directory: DataDirectory) => (service: string) => ({
  user: service,
  passwordFile: passwordFile(directory, service),
});

/** The fabric's NATS server with everybody's login: services have theirs by their table of subjects, tenants those that were asked for. */
export async function natsServerOptions(directory: DataDirectory, port: number): Promise<NatsServerOptions> {
  const users = await Promise.all(
    services.map(async (user) => ({
      user,
      password: await ensureSecret(passwordFile(directory, user)),
      permissions: servicePermissions(user),
    })),
  );
  const tenants = await Promise.all(
    (await tenantsWithLogin(directory)).map(async (tenant) => {
      const stream = tenantStream(tenant);
      return { ...stream, password: (await readIfPresent(passwordFile(directory, stream.user)))?.trim() ?? "" };
    }),
  );
  return { directory: directory.nats, port, users, observable: observableSubjects, tenants, toolsDirectory };
}

/** Makes a tenant's login if it has none, and has the running server know it; gives the file that holds its password. */
export async function ensureTenantLogin(directory: DataDirectory, tenant: string, natsUrl: string): Promise<string> {
  const file = passwordFile(directory, tenantStream(tenant).user);
  await ensureSecret(file);
  await reloadNatsServer(await natsServerOptions(directory, Number(new URL(natsUrl).port)));
  return file;
}

async function tenantsWithLogin({ keys }: DataDirectory): Promise<string[]> {
  const names = await readdir(keys).catch(() => []);
  return names.flatMap((name) => /^tenant-(.+)\.nats-password$/.exec(name)?.[1] ?? []).sort();
}
