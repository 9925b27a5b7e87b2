import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/names";
import type { Standing } from "#domain/principal.ts";
import type { Standings } from "./ports.ts";

/**
 * Takes over what the token service says of one agent: key `<tenant>.<agent>`, value `{state, since}`.
 * A deleted entry means active again; an unreadable one keeps what was known.
 *
 * @throws AegisError `unprocessable` for an entry that makes no sense.
 */
export type AdoptRevocation = (key: string, value: unknown) => void;

const standings: readonly Standing[] = ["active", "suspended", "revoked"];

export function adoptRevocation(ports: { standings: Standings }): AdoptRevocation {
  return (key, value) => {
    const [tenant, agent, ...rest] = key.split(".");
    if (tenant === undefined || agent === undefined || rest.length > 0 || !namePattern.test(tenant) || !namePattern.test(agent))
      throw new AegisError("unprocessable", `revocation ${key} names no agent`);
    ports.standings.set(tenant, agent, value === undefined ? "active" : standingOf(key, value));
  };
}

function standingOf(key: string, value: unknown): Standing {
  const state = typeof value === "object" && value !== null && "state" in value ? value.state : undefined;
  const standing = standings.find((one) => one === state);
  if (standing === undefined) throw new AegisError("unprocessable", `revocation ${key} has no known state`);
  return standing;
}
