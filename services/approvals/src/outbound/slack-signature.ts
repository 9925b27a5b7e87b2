import { createHmac, timingSafeEqual } from "node:crypto";
import type { SignedRequest } from "#usecases/channel-ports.ts";

const windowSeconds = 300;

/** Whether Slack signed this body, within five minutes before or after `now` (milliseconds). */
export function isSlackSignature(secret: string, { timestamp, signature, body }: SignedRequest, now: number): boolean {
  if (timestamp === undefined || signature === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Math.floor(now / 1000) - Number(timestamp)) > windowSeconds) return false;
  const expected = Buffer.from(`v0=${createHmac("sha256", secret).update(`v0:${timestamp}:${body}`).digest("hex")}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
