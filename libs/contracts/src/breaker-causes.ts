/** Why a circuit breaker pauses an agent or a prompt, in words. */
export const breakerCauses = {
  failures: "its calls failed one after the other",
  denied: "nearly all of its calls were denied",
  spend: "it spent too fast",
  fan_out: "too many agents acted for it",
} as const;

export type BreakerCause = keyof typeof breakerCauses;
