import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import { z } from "zod";
import type { Journal, Order } from "#usecases/stop-ports.ts";

const order = z.object({
  target: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("agent"), tenant: tenantName, name: agentName }),
    z.object({ kind: z.literal("tenant"), tenant: tenantName, name: tenantName }),
  ]),
  by: z.string(),
  at: z.number(),
});

/**
 * The journal in one file of JSON lines, replaced in one step and synced before `add` resolves. Without a path nothing can be
 * journaled.
 */
export async function fileJournal(path: string | undefined): Promise<Journal> {
  let orders: Order[] = path === undefined ? [] : await read(path);
  let writing: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = writing.then(work);
    writing = done.catch(() => undefined);
    return done;
  };
  return {
    async add(added) {
      if (path === undefined) throw new AegisError("unavailable", "PostgreSQL is away, and this instance keeps no journal");
      await inTurn(async () => {
        await replace(path, [...orders, added]);
        orders = [...orders, added];
      });
    },
    pending: () => orders,
    async settle(settled) {
      await inTurn(async () => {
        const left = orders.filter((one) => one !== settled);
        if (path !== undefined) await replace(path, left);
        orders = left;
      });
    },
  };
}

async function read(path: string): Promise<Order[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return "";
  });
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => order.parse(JSON.parse(line)));
}

/** Replaces the file in one step: there are few orders, and each must be whole. */
async function replace(path: string, orders: readonly Order[]): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const next = await open(`${path}.next`, "w", 0o600);
  try {
    await next.writeFile(orders.map((one) => `${JSON.stringify(one)}\n`).join(""));
    await next.sync();
  } finally {
    await next.close();
  }
  await rename(`${path}.next`, path);
  const parent = await open(directory, "r");
  await parent.sync().finally(() => parent.close());
}
