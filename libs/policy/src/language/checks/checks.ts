import type { PolicySet } from "../../ir.ts";
import type { Fault, Warning } from "../fault.ts";
import type { Place } from "../reader.ts";
import { catalogMismatches } from "./catalog.ts";
import { unknownArguments } from "./conditions.ts";
import { policyConflicts } from "./conflicts.ts";
import { deadDelegations } from "./delegations.ts";
import { deadLimits } from "./limits.ts";
import { opensMore } from "./opens-more.ts";
import { unknownPointers } from "./pointers.ts";
import { deadSessionRules } from "./sessions.ts";
import { Subject } from "./subject.ts";
import { unreachableRules } from "./unreachable.ts";

/**
 * What only the rules together show. `places` are the roots of the policies' documents, in their order; `whole` says that no
 * document of the set had a fault, so that what is missing here is missing altogether.
 */
export function staticChecks(set: PolicySet, places: readonly Place[], whole: boolean): { faults: Fault[]; warnings: Warning[] } {
  const subject = new Subject(set, places, whole);
  for (const check of [
    catalogMismatches,
    unreachableRules,
    policyConflicts,
    opensMore,
    unknownPointers,
    unknownArguments,
    deadSessionRules,
    deadDelegations,
    deadLimits,
  ]) {
    check(subject);
  }
  const { faults, warnings } = subject;
  return { faults, warnings };
}
