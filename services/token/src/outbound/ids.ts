import { randomBytes } from "node:crypto";
import { v7 } from "uuid";
import type { Ids } from "#usecases/ports.ts";

export const ids: Ids = {
  next: () => v7(),
  secret: () => randomBytes(32).toString("base64url"),
  instance: () => `i-${randomBytes(8).toString("hex")}`,
};
