/** One thing a service needs before it may be called ready. */
export interface HealthCheck {
  up(): void;
  down(why: string): void;
}

export interface HealthState {
  readonly ready: boolean;
  /** Each check's state: "up", or why it is not. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Readiness as the sum of named checks: a check not yet reported counts as down. */
export class Health {
  readonly #checks = new Map<string, string>();
  readonly #listeners = new Set<(state: HealthState) => void>();

  /** Declares something this service needs; it is down until it says `up`. */
  check(name: string): HealthCheck {
    this.#set(name, "starting");
    return { up: () => this.#set(name, "up"), down: (why) => this.#set(name, why) };
  }

  state(): HealthState {
    const checks = Object.fromEntries(this.#checks);
    return { ready: Object.values(checks).every((value) => value === "up"), checks };
  }

  /** Calls back on every change, and once now. */
  onChange(listener: (state: HealthState) => void): void {
    this.#listeners.add(listener);
    listener(this.state());
  }

  #set(name: string, value: string): void {
    if (this.#checks.get(name) === value) return;
    this.#checks.set(name, value);
    for (const listener of this.#listeners) listener(this.state());
  }
}
