import { AegisError } from "@aegis/contracts/errors";
import { expect, test } from "vitest";
import { exit, Failure, failureOf, usage } from "./failure.ts";

test("a full disk is one sentence that says what to do", () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", path: "/data/x" });
  expect(failureOf(error).message).toBe("no space is left on the device (/data/x): free some and try again");
});

test("a service's error keeps its code, and a failure stays itself", () => {
  expect(failureOf(new AegisError("not_found", "acme has no agent a")).code).toBe("not_found");
  const own = usage("say what");
  expect(failureOf(own)).toBe(own);
  expect(own.exitCode).toBe(exit.usage);
  expect(failureOf("text")).toBeInstanceOf(Failure);
});
