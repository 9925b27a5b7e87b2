import { AegisError } from "@aegis/contracts/errors";
import type { OperatorRole } from "@aegis/contracts/operator";
import { callHttp, callJson, type HttpCall } from "@aegis/http/client";
import type { Context } from "../context.ts";
import { Failure } from "../failure.ts";
import { operatorToken, thisUser } from "./operator.ts";

export type ControlService = "token" | "policy-compiler" | "approvals" | "budget" | "audit";

export interface ControlOptions {
  /** What the call needs; the dev issuer grants it. */
  role: OperatorRole;
  user?: string | undefined;
  /** "*" for every tenant. */
  tenant: string;
}

/** One service's HTTP API, as an operator. */
export interface Control {
  readonly url: string;
  json<T>(path: string, call?: HttpCall): Promise<T>;
  raw(path: string, call?: HttpCall): Promise<Response>;
}

/** Speaks to a service as an operator: with AEGIS_OPERATOR_TOKEN, else with a token from the fabric's dev issuer. */
export async function control(context: Context, service: ControlService, options: ControlOptions): Promise<Control> {
  const endpoints = await context.endpoints();
  const given = options.user === undefined ? process.env.AEGIS_OPERATOR_TOKEN : undefined;
  const bearer =
    given ??
    (
      await operatorToken({
        dataDirectory: context.dataDirectory,
        issuer: endpoints.issuer,
        user: options.user ?? thisUser(),
        role: options.role,
        tenant: options.tenant,
        lifetimeSeconds: 600,
      })
    ).access_token;
  const url = endpoints[service].http;
  return {
    url,
    json: (path, call) => explained(service, callJson(`${url}${path}`, { bearer, ...call })),
    raw: (path, call) => explained(service, callHttp(`${url}${path}`, { bearer, ...call })),
  };
}

/** Adds what to do to the errors that a person can mend. */
export async function explained<T>(service: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (caught) {
    if (!(caught instanceof AegisError)) throw caught;
    const advice = adviceFor(caught, service);
    throw new Failure(advice ? `${service}: ${caught.message}: ${advice}` : `${service}: ${caught.message}`, {
      code: caught.code,
      cause: caught,
    });
  }
}

function adviceFor(error: AegisError, service: string): string | undefined {
  if (error.code === "unavailable") return "is the fabric running? ./aegis status shows it";
  if (error.code === "internal") return `the service's log says more (logs/${service}*.log in the data directory)`;
  const faults = error.details?.faults;
  if (Array.isArray(faults))
    return faults.map((fault: { at?: string; message?: string }) => `${fault.at ?? ""} ${fault.message ?? ""}`.trim()).join("; ");
  return undefined;
}

/** A query string without the members that are undefined. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}
