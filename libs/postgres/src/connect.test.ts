import { expect, test } from "vitest";
import { assertIdentifier, connectDatabase } from "./connect.ts";
import { outboxDdl } from "./outbox.ts";

test("only a plain name may stand in SQL text", () => {
  expect(assertIdentifier("policy_compiler")).toBe("policy_compiler");
  for (const name of ["", "Audit", "a-b", "a b", "a;drop table x", 'a"b', "1a", "a".repeat(64)]) {
    expect(() => assertIdentifier(name), name).toThrow(RangeError);
    expect(() => outboxDdl(name), name).toThrow(RangeError);
  }
});

test("opening a pool needs no server", async () => {
  const db = connectDatabase({ url: "postgres://nobody@127.0.0.1:1/none", name: "test", schema: "audit" });
  await db.destroy();
});
