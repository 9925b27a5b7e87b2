import { AegisError } from "@aegis/contracts/errors";
import { compile } from "@aegis/policy/compile";
import type { PolicySet } from "@aegis/policy/ir";
import type { PolicyFile } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";

/** The tenant's whole set in its intermediate representation. @throws AegisError `unprocessable` with every fault in `details.faults`. */
export function compileOrRefuse(ports: Pick<Ports, "signals">, tenant: string, files: readonly PolicyFile[]): PolicySet {
  const result = compile(files, { tenant });
  if (result.ok) return result.policies;
  const count = result.faults.length;
  ports.signals.faulty(tenant, count);
  throw new AegisError("unprocessable", `${count} ${count === 1 ? "fault" : "faults"} in the policies`, {
    details: { faults: result.faults },
  });
}
