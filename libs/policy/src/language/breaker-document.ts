import type { BreakerRule } from "../ir.ts";
import { checked, fault, optional, type RecordOf, record } from "./reader.ts";
import { duration, integer, percent, usd } from "./scalars.ts";

/** With shorter pauses a breaker could change its state more often than people can follow. */
const pause = checked(duration, (place, seconds) => {
  if (seconds < 15) fault(place, "out_of_range", `${place.path} is ${seconds}s`, "write 15s or more");
});

const members = {
  failures: optional(integer(2, 1000), "So many failed calls in a row pause; 5 unless said otherwise."),
  denied: optional(percent, "Such a share of denied calls within a minute pauses; `80%` unless said otherwise."),
  calls: optional(integer(2, 1000), "The least calls in that minute for `denied` to count; 10 unless said otherwise."),
  usd_per_minute: optional(usd, "More than this spent within a minute pauses. Absent: spending pauses nobody."),
  agents_per_prompt: optional(
    integer(1, 500),
    "More agents than this that act for one prompt within a minute pause the prompt. Absent: any number.",
  ),
  pause: optional(pause, "How long the first pause lasts, `15s` or more; 30s unless said otherwise. It doubles when it did not help."),
};

/** `circuit_breaker` of a Governance: what pauses an agent or a prompt. */
export const breakerDocument = record(members);

export type BreakerDocument = RecordOf<typeof members>;

const defaults = { failures: 5, deniedPercent: 80, calls: 10, pauseSeconds: 30 } as const;

/** The rule with what is not written as it usually is. */
export function lowerBreaker(value: BreakerDocument, rule: string): BreakerRule {
  return {
    rule,
    failures: value.failures ?? defaults.failures,
    deniedPercent: value.denied ?? defaults.deniedPercent,
    calls: value.calls ?? defaults.calls,
    ...(value.usd_per_minute !== undefined && { microUsdPerMinute: value.usd_per_minute }),
    ...(value.agents_per_prompt !== undefined && { agentsPerPrompt: value.agents_per_prompt }),
    pauseSeconds: value.pause ?? defaults.pauseSeconds,
  };
}
