import { v7 } from "uuid";
import type { Ids } from "#usecases/ports.ts";

/** UUIDv7 (RFC 9562). */
export const ids: Ids = { next: () => v7() };
