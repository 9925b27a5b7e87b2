import { currentTrace } from "@aegis/telemetry/trace";
import { pino } from "pino";

export type Logger = pino.Logger;

/** JSON lines on stdout, with the trace they belong to. Keys that could carry a secret are cut before they are written. */
export function createLogger(options: { service: string; instance: string; level: string }): Logger {
  return pino({
    level: options.level,
    base: { service: options.service, instance: options.instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: () => currentTrace() ?? {},
    serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
    redact: { paths: secretPaths, censor: "[secret]" },
  });
}

const secretNames = [
  "authorization",
  "agent_token",
  "agentToken",
  "access_token",
  "client_assertion",
  "override_token",
  "overrideToken",
  "password",
  "secret",
  "token",
];
const secretPaths = secretNames.flatMap((name) => [name, `*.${name}`, `headers.${name}`, `req.headers.${name}`]);
