import { z } from "zod";
import { tenantName } from "./names.ts";

/**
 * CloudEvents 1.0 in structured JSON, with Aegis's extension attributes.
 * `id` is a UUIDv7 and the message's `Nats-Msg-Id`; `source` is "aegis/<service>/<instance>".
 */
export const cloudEvent = <T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.object({
    specversion: z.literal("1.0"),
    id: z.uuid(),
    source: z.string().startsWith("aegis/"),
    type: z.literal(type),
    /** RFC 3339, UTC, milliseconds. */
    time: z.iso.datetime(),
    datacontenttype: z.literal("application/json"),
    tenant: tenantName,
    /** W3C Trace Context. */
    traceparent: z.string().optional(),
    data,
  });

/** Any event of ours, when only the envelope matters. */
export const anyCloudEvent = cloudEvent("" as string, z.unknown()).extend({ type: z.string().startsWith("dev.aegis.") });

export type AnyCloudEvent = z.infer<typeof anyCloudEvent>;
