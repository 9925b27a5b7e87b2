import { hash } from "node:crypto";
import type { JsonObject } from "./ijson.ts";
import { canonicalize } from "./jcs.ts";

/** "sha256:" and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 of the bytes, or of the text's UTF-8. */
export function sha256(input: Uint8Array | string): Digest {
  return `sha256:${hash("sha256", input, "hex")}`;
}

/** SHA-256 of a JSON value's canonical form (RFC 8785): equal values have equal digests however they were spelled. */
export function digestOf(value: unknown): Digest {
  return sha256(canonicalize(value));
}

/** What makes a call this call and no other. */
export interface Action {
  readonly tenant: string;
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  /** As the caller gave it, not normalised. */
  readonly destination?: { readonly url: string; readonly method?: string } | undefined;
  /** On whose behalf, where the enforcement point and not the token says so: then the agent alone does not tell whose call it is. */
  readonly subject?: string | undefined;
}

/** `action_digest`: approvals and overrides bind to it. Other members of `action` than those named here do not count. */
export function actionDigest(action: Action): Digest {
  const { tenant, agent, tool, destination, subject } = action;
  return digestOf({ action: action.action, agent, arguments: action.arguments, destination, subject, tenant, tool });
}
