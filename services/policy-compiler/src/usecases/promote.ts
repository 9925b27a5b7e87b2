import { AegisError } from "@aegis/contracts/errors";
import { type Change, difference } from "@aegis/policy/difference";
import { type Promotion, promote } from "@aegis/policy/promote";
import type { PolicyFile } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";
import { type PublishOutcome, publish } from "./publish.ts";

export interface PromoteRequest {
  readonly tenant: string;
  /** Names of policies in shadow. */
  readonly policies: readonly string[];
  readonly message: string;
  readonly author: string;
  readonly ifMatch?: readonly string[] | undefined;
}

/** What a promotion would publish: the head's files but for the word, and what changes by it. */
export interface PromotionPlan {
  readonly head: number;
  readonly version: string;
  readonly files: readonly PolicyFile[];
  readonly changes: readonly Change[];
}

/**
 * What taking policies out of shadow would make of the head.
 * @throws AegisError `not_found`; `conflict` when one is not in shadow, or its text cannot be changed without changing another rule.
 */
export async function planPromotion(
  ports: Pick<Ports, "revisions">,
  { tenant, policies }: Pick<PromoteRequest, "tenant" | "policies">,
): Promise<PromotionPlan> {
  const head = await ports.revisions.head(tenant);
  const found = head && (await ports.revisions.find(tenant, head.revision));
  if (found === undefined) throw new AegisError("not_found", `${tenant} has no revision yet`);
  const promoted = promote(found.files, policies, { tenant });
  if (!promoted.ok) throw refusal(promoted);
  const { files, before, after } = promoted;
  return { head: found.revision, version: found.version, files, changes: difference(before, after) };
}

/** Publishes what `planPromotion` says, on the very head it was made from. @throws AegisError as that and as publish does. */
export async function promotePolicies(ports: Ports, request: PromoteRequest): Promise<PublishOutcome> {
  const { tenant, policies, author, ifMatch } = request;
  const { files, version, head } = await planPromotion(ports, request);
  const own = [version, String(head), "*"];
  // The text comes from this head, so no other will do, whichever the caller would have taken.
  const both = ifMatch === undefined || ifMatch.some((tag) => own.includes(tag)) ? [version] : ifMatch;
  const message = request.message === "" ? `promote ${policies.join(", ")}` : request.message;
  return publish(ports, { tenant, files, message, author, ifMatch: both, promotes: policies });
}

function refusal(promotion: Extract<Promotion, { ok: false }>): AegisError {
  switch (promotion.refused) {
    case "unknown":
      return new AegisError("not_found", `there is no policy named ${promotion.policy}`);
    case "not_in_shadow":
      return new AegisError("conflict", `${promotion.policy} is not in shadow`);
    case "not_editable":
      return new AegisError("conflict", `${promotion.policy} shares its mode with another rule: change it by hand and publish`);
    case "faults":
      return new AegisError("unprocessable", "the policies in force are not accepted any more: publish them anew", {
        details: { faults: promotion.faults },
      });
  }
}
