import { createServer } from "node:net";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { connectDatabase } from "./connect.ts";
import { outage } from "./outage.ts";
import { asService, inTenant } from "./tenant.ts";

const unavailable = { code: "unavailable", message: "PostgreSQL cannot be reached or has no connection left" };

test("what a server away or going away says is unavailable; what it says of a query is left as it is", () => {
  const away = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "57P01", "57P02", "57P03", "08000", "08006", "53300"];
  for (const code of away) expect(outage(Object.assign(new Error("x"), { code })), code).toMatchObject(unavailable);
  for (const message of ["timeout exceeded when trying to connect", "Connection terminated unexpectedly"]) {
    expect(outage(new Error(message)), message).toMatchObject(unavailable);
  }
  for (const code of ["23505", "42501", "40001", "57014", "0A000", undefined]) {
    const error = Object.assign(new Error("Connection terminated, says a row"), { code });
    expect(outage(error), code).toBe(error);
  }
});

test("without a server every way to ask is unavailable", async () => {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  const db = connectDatabase({ url: `postgres://nobody@127.0.0.1:${port}/none`, name: "test", schema: "audit" });
  await expect(sql`select 1`.execute(db)).rejects.toMatchObject(unavailable);
  await expect(inTenant(db, "acme", async () => 1)).rejects.toMatchObject(unavailable);
  await expect(asService(db, async () => 1)).rejects.toMatchObject(unavailable);
  await db.destroy();
});
