import { type Digest, digestOf } from "@aegis/canonical/digest";
import { prepare, type Snapshot } from "../engine/snapshot.ts";
import type { PolicySet } from "../ir.ts";

/** A set that is no revision, ready to decide: for trying it before anybody publishes it. */
export function prepareDraft(policies: PolicySet): Snapshot {
  const digest: Digest = digestOf(policies as never);
  return prepare({ tenant: policies.tenant, revision: 0, version: "draft", digest, policies });
}
