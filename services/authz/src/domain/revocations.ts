import type { Standing } from "./principal.ts";

/** How old what is known of revocations may be before every call is denied, in milliseconds. */
export const staleAfterMs = 5 * 60 * 1000;

/** The same for calls whose rule calls them irreversible (T0). */
export const staleForIrreversibleMs = 30 * 1000;

/** Everything that may no longer act: agents that were stopped, and single tokens. Keys are those of the `revocations` bucket. */
export class Revocations {
  readonly #agents = new Map<string, Standing>();
  /** Tenants that are revoked as a whole. */
  readonly #tenants = new Set<string>();
  /** Token key to the time its token expires by itself, in milliseconds since 1970. */
  readonly #tokens = new Map<string, number>();
  /** When this was last known to be complete, in milliseconds since 1970; before the first word nothing is known. */
  #freshAt = 0;

  standingOf(tenant: string, agent: string): Standing {
    return this.#tenants.has(tenant) ? "revoked" : (this.#agents.get(`${tenant}.${agent}`) ?? "active");
  }

  tokenRevoked(tenant: string, tokenId: string): boolean {
    return this.#tokens.has(`${tenant}.token.${tokenId}`);
  }

  setAgent(key: string, standing: Standing): void {
    if (standing === "active") this.#agents.delete(key);
    else this.#agents.set(key, standing);
  }

  setTenant(tenant: string, revoked: boolean): void {
    if (revoked) this.#tenants.add(tenant);
    else this.#tenants.delete(tenant);
  }

  setToken(key: string, until: number | undefined): void {
    if (until === undefined) this.#tokens.delete(key);
    else this.#tokens.set(key, until);
  }

  confirm(at: number): void {
    this.#freshAt = Math.max(this.#freshAt, at);
  }

  /** Milliseconds since this was last known to be complete. */
  age(now: number): number {
    return now - this.#freshAt;
  }

  /** Forgets tokens whose own expiry has passed. */
  sweep(now: number): void {
    for (const [key, until] of this.#tokens) if (until < now) this.#tokens.delete(key);
  }

  /** Everything, for keeping. */
  dump(): RevocationsDump {
    return { asOf: this.#freshAt, agents: [...this.#agents], tenants: [...this.#tenants], tokens: [...this.#tokens] };
  }

  /** Adds what was kept. */
  restore(dump: RevocationsDump): void {
    for (const [key, standing] of dump.agents) this.setAgent(key, standing);
    for (const tenant of dump.tenants ?? []) this.setTenant(tenant, true);
    for (const [key, until] of dump.tokens) this.setToken(key, until);
    this.confirm(dump.asOf);
  }
}

export interface RevocationsDump {
  /** When it was last known to be complete, in milliseconds since 1970. */
  readonly asOf: number;
  readonly agents: readonly (readonly [key: string, standing: Standing])[];
  /** Absent in what an earlier version kept. */
  readonly tenants?: readonly string[] | undefined;
  readonly tokens: readonly (readonly [key: string, until: number])[];
}
