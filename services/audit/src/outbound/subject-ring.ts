import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { openBytes, sealBytes } from "@aegis/identity/sealed";
import { keyText } from "#domain/erasure.ts";
import type { SubjectRing } from "#usecases/personal-ports.ts";

/** Everything follows from one secret of 32 bytes that is not in the database: without it nothing that is there opens, or names anybody. */
export function subjectRing(secret: Uint8Array): SubjectRing {
  const derived = (purpose: string) => new Uint8Array(hkdfSync("sha256", secret, "", purpose, 32));
  const sealing = derived("keys of data subjects");
  const label = (tenant: string, key: { subject: string; generation: number }) => ({ kid: "sealing", for: `${tenant}/${keyText(key)}` });
  return {
    pseudonym: (tenant, subject) =>
      createHmac("sha256", derived(`pseudonyms of data subjects of ${tenant}`))
        .update(subject)
        .digest("hex")
        .slice(0, 32),
    make: (tenant, key) => sealBytes(sealing, label(tenant, key), randomBytes(32)),
    open: (tenant, key, sealed) => openBytes(sealing, label(tenant, key), sealed),
  };
}
