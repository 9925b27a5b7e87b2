import { AegisError } from "@aegis/contracts/errors";

type Head = { readonly revision: number; readonly version: string };

/**
 * What a writer believes the head to be (RFC 9110 §13.1.1): a list of quoted versions or revision numbers, `"0"` for "there is none
 * yet", or `*` for "there is one". Undefined when the writer does not care.
 *
 * @throws AegisError `invalid_argument` for a header that is not one of these.
 */
export function parseIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined) return undefined;
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.length === 1 && tags[0] === "*") return ["*"];
  return tags.map((tag) => {
    const value = /^"([\w.-]{1,100})"$/.exec(tag)?.[1];
    if (value === undefined) throw new AegisError("invalid_argument", 'If-Match must hold entity tags such as "7", or *');
    return value;
  });
}

/** @throws AegisError `precondition_failed`, with the head as it is in `details`. */
export function requireMatch(head: Head | undefined, wanted: readonly string[] | undefined): void {
  if (wanted === undefined) return;
  const tags = head === undefined ? ["0"] : ["*", String(head.revision), head.version];
  if (wanted.some((tag) => tags.includes(tag))) return;
  const details = { head: head === undefined ? null : { revision: head.revision, version: head.version } };
  throw new AegisError(
    "precondition_failed",
    head === undefined ? "the tenant has no revision yet" : `the head is revision ${head.revision}`,
    { details },
  );
}
