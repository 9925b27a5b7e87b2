import { AegisError } from "@aegis/contracts/errors";
import { keyText } from "#domain/erasure.ts";
import type { PersonalPorts, SubjectRing } from "./personal-ports.ts";

/**
 * The key that data about a person are sealed with from now on: their present one, or a new one where they have none or were erased.
 *
 * @throws AegisError `unavailable` when no keys are kept here.
 */
export function subjectKey(ports: Pick<PersonalPorts, "ring" | "subjectKeys" | "clock">) {
  return async (tenant: string, person: string): Promise<{ readonly key: string; readonly secret: Uint8Array }> => {
    const ring = ringOf(ports);
    const subject = ring.pseudonym(tenant, person);
    for (;;) {
      const present = await ports.subjectKeys.present(tenant, subject);
      if (present.generation !== undefined) {
        const key = { subject, generation: present.generation };
        return { key: keyText(key), secret: await ring.open(tenant, key, present.sealed) };
      }
      // Somebody else may be first: then theirs is the present one.
      const key = { subject, generation: present.next };
      await ports.subjectKeys.add(tenant, key, await ring.make(tenant, key), ports.clock.now());
    }
  };
}

/** @throws AegisError `unavailable`. */
export function ringOf({ ring }: Pick<PersonalPorts, "ring">): SubjectRing {
  if (ring === undefined)
    throw new AegisError("unavailable", "no keys of data subjects are kept here: AEGIS_AUDIT_SUBJECT_SEALING_KEY is not set");
  return ring;
}
