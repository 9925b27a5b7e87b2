import type { CheckRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import type { Draft } from "#domain/draft.ts";
import type { Check } from "./check.ts";
import type { Caller } from "./work.ts";

export type BatchItem = { readonly ok: true; readonly draft: Draft } | { readonly ok: false; readonly error: AegisError };

const mostRequests = 100;

/** Decides each call alone; answers in the order asked. @throws AegisError `invalid_argument` for more than 100. */
export function checkBatch(check: Check): (requests: readonly CheckRequest[], caller: Caller) => Promise<BatchItem[]> {
  return (requests, caller) => {
    if (requests.length > mostRequests) throw new AegisError("invalid_argument", `a batch holds at most ${mostRequests} calls`);
    return Promise.all(
      requests.map((request) =>
        check(request, caller).then(
          (draft): BatchItem => ({ ok: true, draft }),
          (caught: unknown): BatchItem => ({ ok: false, error: AegisError.from(caught) }),
        ),
      ),
    );
  };
}
