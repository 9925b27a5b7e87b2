/** Decides whether a place lies at or below what a pointer pattern names. */
export type PointerCheck = (pointer: string) => boolean;

/** Prepares JSON pointers (RFC 6901) whose `*` segments match any one segment; everything below a match is covered. */
export function preparePointers(patterns: readonly string[] | undefined): PointerCheck {
  if (patterns === undefined) return () => true;
  const wanted = patterns.map((pattern) => pattern.slice(1).split("/"));
  return (pointer) => {
    const given = pointer.slice(1).split("/");
    return wanted.some(
      (segments) => segments.length <= given.length && segments.every((segment, at) => segment === "*" || segment === given[at]),
    );
  };
}
