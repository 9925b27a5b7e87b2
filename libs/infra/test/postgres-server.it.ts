import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { bootstrapDatabase } from "../src/bootstrap.ts";
import { describe as describeProcess } from "../src/orphan.ts";
import { freePort } from "../src/ports.ts";
import { startPostgres } from "../src/postgres-server.ts";
import { startProcess } from "../src/process.ts";
import { place } from "./place.ts";

describe("a PostgreSQL server of ours", () => {
  const stack = { current: new AsyncDisposableStack() };
  afterEach(async () => {
    await stack.current.disposeAsync();
    stack.current = new AsyncDisposableStack();
  });

  test("finds its data again after kill -9, also when a stranger has got its process number", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const options = { directory, toolsDirectory, port: await freePort() };
    const first = await startPostgres(options);
    await query(first.url, "create table kept (a int); insert into kept values (7)");
    first.process.kill("SIGKILL");
    await first.process.exited;
    const lock = join(first.dataDirectory, "postmaster.pid");
    await writeFile(lock, (await readFile(lock, "utf8")).replace(/^\d+/, String(process.pid)));
    const second = stack.current.use(await startPostgres(options));
    expect(second.url).toBe(first.url);
    expect(await query(second.url, "select a from kept")).toEqual([{ a: 7 }]);
  });

  test("refuses to start twice on the same data", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const server = stack.current.use(await startPostgres({ directory, toolsDirectory, port: await freePort() }));
    await expect(startPostgres({ directory, toolsDirectory, port: await freePort() })).rejects.toThrow(
      `PostgreSQL already runs on ${server.dataDirectory} as process ${server.pid}`,
    );
  });

  test("lets nobody in without the password, and keeps that to its owner", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const server = stack.current.use(await startPostgres({ directory, toolsDirectory, port: await freePort() }));
    const wrong = new URL(server.url);
    wrong.password = "wrong";
    await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed");
    expect((await stat(join(directory, "superuser-password"))).mode & 0o777).toBe(0o600);
    expect((await stat(server.dataDirectory)).mode & 0o777).toBe(0o700);
    expect(await query(server.url, "show fsync")).toEqual([{ fsync: "on" }]);
    expect(await query(server.url, "show max_connections")).toEqual([{ max_connections: "200" }]);
  });

  test.runIf(process.getuid?.() === 0)("started by root where only root may go, says where it keeps its data", async () => {
    const { root, toolsDirectory } = await place(stack.current);
    const closed = join(root, "closed");
    const directory = join(closed, "data", "postgres");
    await mkdir(closed, { recursive: true, mode: 0o700 });
    await chmod(closed, 0o700);
    const server = stack.current.use(await startPostgres({ directory, toolsDirectory, port: await freePort() }));
    stack.current.defer(() => rm(dirname(server.dataDirectory), { recursive: true, force: true }));
    expect(server.dataDirectory).toMatch(/^\/var\/lib\/aegis\/postgres-/);
    await query(server.url, "create table old (a int)");
    await server.stop();
    await rm(directory, { recursive: true });
    const anew = stack.current.use(await startPostgres({ directory, toolsDirectory, port: await freePort() }));
    expect(await query(anew.url, "select to_regclass('old') as old")).toEqual([{ old: null }]);
  });

  test("its roles and schemas are made once and stay, however often and by how many they are asked for", async () => {
    const { directory, toolsDirectory } = await place(stack.current);
    const server = stack.current.use(await startPostgres({ directory, toolsDirectory, port: await freePort() }));
    const password = (role: string) => `pass-${role}`;
    const all = await Promise.all([1, 2, 3].map(() => bootstrapDatabase({ superuserUrl: server.url, password })));
    const { audit } = all[0]?.services ?? {};
    await query(
      audit?.migrationUrl ?? "",
      "set role audit_owner; create table audit.entries (a int); grant select on audit.entries to audit",
    );
    await bootstrapDatabase({ superuserUrl: server.url, password });
    expect(await query(audit?.url ?? "", "select count(*) from audit.entries")).toEqual([{ count: "0" }]);
    await expect(query(audit?.url ?? "", "insert into audit.entries values (1)")).rejects.toThrow("permission denied");
    await expect(query(all[0]?.readerUrl ?? "", "select * from audit.entries")).rejects.toThrow("permission denied");
  });
});

describe("a process of ours", () => {
  test("is ended with its children, by force when it does not listen", async () => {
    const script = "trap '' TERM; sleep 1000 & echo child $!; wait; while :; do sleep 1; done";
    const started = await startProcess({ command: "/bin/sh", args: ["-c", script] });
    await expect.poll(() => started.output()).toMatch(/child \d+/);
    const child = Number(/child (\d+)/.exec(started.output())?.[1]);
    expect(await started.stop(100)).toEqual({ code: null, signal: "SIGKILL" });
    await expect.poll(() => describeProcess(child)).toBeUndefined();
  });

  test("that cannot be started says so", async () => {
    await expect(startProcess({ command: "/no/such/program", args: [] })).rejects.toMatchObject({ code: "unavailable" });
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
