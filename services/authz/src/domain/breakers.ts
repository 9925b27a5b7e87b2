import { breakerKey } from "@aegis/contracts/subjects";
import { accounts } from "@aegis/policy/limits";

/** A breaker that is not closed, as the budget service told it. Times in milliseconds since 1970. */
export interface OpenBreaker {
  /** `agent/<agent>` or `prompt/<id>`. */
  readonly scope: string;
  readonly cause: string;
  /** Before this nothing goes ahead; afterwards whoever the budget service lets through as a probe. */
  readonly until: number;
  /** Before this asking for a probe again is in vain. */
  askAgainAt: number;
  /** Opened here; the budget service has not said so yet. */
  readonly local?: true;
}

const none: readonly OpenBreaker[] = [];

/** Which agents and prompts are paused, by what was last heard of them. */
export class Breakers {
  readonly #open = new Map<string, OpenBreaker>();
  readonly #keys = new Map<string, string>();

  /** Takes in what was told under a key of the bucket `budget-state`; undefined: the breaker closed. */
  told(key: string, breaker: Pick<OpenBreaker, "scope" | "cause" | "until"> | undefined): void {
    if (breaker === undefined) {
      this.#open.delete(this.#keys.get(key) ?? "");
      this.#keys.delete(key);
      return;
    }
    const name = nameOf(key.slice(0, key.indexOf(".")), breaker.scope);
    this.#keys.set(key, name);
    this.#open.set(name, { ...breaker, askAgainAt: breaker.until });
  }

  /** Opens one at once, until the budget service says what is. */
  suspect(tenant: string, breaker: Pick<OpenBreaker, "scope" | "cause" | "until">): OpenBreaker {
    const open: OpenBreaker = { ...breaker, askAgainAt: breaker.until, local: true };
    const name = nameOf(tenant, breaker.scope);
    this.#keys.set(breakerKey(tenant, breaker.scope), name);
    this.#open.set(name, open);
    return open;
  }

  /** The budget service let a call through: what was only suspected here is over. */
  passed(tenant: string, breakers: readonly OpenBreaker[]): void {
    for (const one of breakers) {
      const name = nameOf(tenant, one.scope);
      if (one.local && this.#open.get(name) === one) this.#open.delete(name);
    }
  }

  /** Those that stand in the way of a call. */
  of(tenant: string, agent: string, promptId: string | undefined): readonly OpenBreaker[] {
    if (this.#open.size === 0) return none;
    const own = this.#open.get(nameOf(tenant, accounts.agent(agent)));
    const prompts = promptId === undefined || promptId === "" ? undefined : this.#open.get(nameOf(tenant, accounts.prompt(promptId)));
    return [...(own ? [own] : []), ...(prompts ? [prompts] : [])];
  }
}

const nameOf = (tenant: string, scope: string): string => `${tenant}\n${scope}`;
