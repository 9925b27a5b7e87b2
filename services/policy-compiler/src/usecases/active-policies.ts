import { AegisError } from "@aegis/contracts/errors";
import { compile } from "@aegis/policy/compile";
import type { PolicySet } from "@aegis/policy/ir";
import { prepare, type Snapshot } from "@aegis/policy/snapshot";
import type { PolicyFile, Revision } from "#domain/revision.ts";
import type { AnalysisPorts } from "./analysis-ports.ts";
import { compileOrRefuse } from "./validate.ts";

/** The draft's policies, or those of the tenant's newest revision where there is no draft. @throws AegisError `unprocessable`, `not_found`. */
export async function draftOrActive(ports: AnalysisPorts, tenant: string, files: readonly PolicyFile[] | undefined): Promise<PolicySet> {
  if (files !== undefined) return compileOrRefuse(ports, tenant, files).policies;
  const head = await ports.revisions.head(tenant);
  const found = head && (await ports.revisions.find(tenant, head.revision));
  if (found === undefined) throw new AegisError("not_found", `${tenant} has no revision yet: give a draft`);
  return compileOrRefuse(ports, tenant, found.files).policies;
}

/** Finds the revisions that decided then, each prepared once; undefined for one that is not ours or that today's compiler refuses. */
export function earlierRevisions(ports: AnalysisPorts, tenant: string): (version: string | undefined) => Promise<Snapshot | undefined> {
  const known = new Map<string, Promise<Snapshot | undefined>>();
  return (version) => {
    const number = /^([1-9]\d{0,8})-[0-9a-f]{12}$/.exec(version ?? "")?.[1];
    if (version === undefined || number === undefined) return Promise.resolve(undefined);
    const found = known.get(version) ?? ports.revisions.find(tenant, Number(number)).then((revision) => snapshotOf(revision, version));
    known.set(version, found);
    return found;
  };
}

function snapshotOf(revision: (Revision & { readonly files: readonly PolicyFile[] }) | undefined, version: string): Snapshot | undefined {
  if (revision === undefined || revision.version !== version) return undefined;
  const compiled = compile(revision.files, { tenant: revision.tenant });
  return compiled.ok ? prepare({ ...revision, policies: compiled.policies }) : undefined;
}
