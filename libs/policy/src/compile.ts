import { AegisError } from "@aegis/contracts/errors";
import type { Fault } from "./fault.ts";
import type { PolicySet } from "./ir.ts";

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

export type CompileResult = { readonly ok: true; readonly policies: PolicySet } | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * A tenant's whole set of documents to its intermediate representation, or everything that is wrong with them at once, sorted.
 * Never throws, whatever the texts hold.
 */
export function compile(files: readonly PolicyFile[], options: { readonly tenant: string }): CompileResult {
  throw new AegisError("unimplemented", `compile ${files.length} ${options.tenant}`);
}
