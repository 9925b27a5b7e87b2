/** Words that CEL keeps for itself. */
const reserved = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "),
);

/** A member of a map: `args.amount`, or `args["cost center"]` where the name is no identifier. */
export const celMember = (path: string, name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
