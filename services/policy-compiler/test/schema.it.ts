import { policySchema } from "@aegis/policy/policy-schema";
import { expect, test } from "vitest";
import { surroundings } from "./running.ts";

test("anybody gets the schema of policy documents, as the compiler reads them", async () => {
  await using shared = await surroundings();
  await using compiler = await shared.start("policy-compiler-1");
  const response = await fetch(`${compiler.url}/schemas/policy.json`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^application\/schema\+json/);
  expect(await response.json()).toEqual(policySchema());
});
