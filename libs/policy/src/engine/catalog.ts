import type { CatalogAction, PolicySet } from "../ir.ts";

/** What is known of one action of one tool; `undefined`: nothing. */
export type CatalogLookup = (tool: string, action: string) => CatalogAction | undefined;

/** Indexes a tenant's catalog. */
export function prepareCatalog({ catalog }: PolicySet): CatalogLookup {
  if (catalog === undefined || catalog.length === 0) return () => undefined;
  const tools = new Map(catalog.map(({ name, actions }) => [name, new Map(actions.map((action) => [action.name, action]))]));
  return (tool, action) => tools.get(tool)?.get(action);
}
