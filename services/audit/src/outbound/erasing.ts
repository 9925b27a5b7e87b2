import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import { keyText } from "#domain/erasure.ts";
import type { PersonalPorts } from "#usecases/personal-ports.ts";
import { subjectRing } from "./subject-ring.ts";

/** What keeping and destroying the keys of data subjects takes besides the database. */
export function erasing(
  bus: Bus,
  { subjectSealingKey, secondPerson }: { readonly subjectSealingKey?: Uint8Array | undefined; readonly secondPerson: readonly string[] },
): Pick<PersonalPorts, "ring" | "subjectErased" | "secondPerson"> {
  return {
    ring: subjectSealingKey && subjectRing(subjectSealingKey),
    secondPerson: secondPerson.includes("erase"),
    /** Every authz forgets the key. While NATS is away nothing is kept: a key that is still held opens nothing any more. */
    subjectErased(tenant, key) {
      if (bus.connected()) bus.connection.publish(hints.subjectErased, JSON.stringify({ tenant, key: keyText(key) }));
    },
  };
}
