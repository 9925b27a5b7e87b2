/** Scopes and agents may be separated by spaces or commas, or be given one by one. */
export const items = (given: readonly string[]): string[] => given.flatMap((text) => text.split(/[\s,]+/)).filter((item) => item !== "");
