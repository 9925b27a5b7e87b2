import { every } from "@aegis/service/every";
import type { Logger } from "@aegis/service/logger";
import type { Ports } from "#usecases/ports.ts";
import { haveWitnessed, type Witness } from "#usecases/witness.ts";

export interface WitnessingOptions {
  readonly witnesses: readonly Witness[];
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Takes checkpoints to witnesses, apart from making them: a witness that is slow or away holds nothing up. */
export function runWitnessing(
  ports: Pick<Ports, "tree" | "checkpoints" | "cosignatures" | "signals">,
  { witnesses, intervalMs, logger }: WitnessingOptions,
): AsyncDisposable {
  if (witnesses.length === 0) return { [Symbol.asyncDispose]: async () => undefined };
  const witnessed = haveWitnessed({ ...ports, witnesses });
  const round = async () => {
    for (const tenant of await ports.checkpoints.tenants())
      await witnessed(tenant).catch((err: unknown) => logger.warn({ err, tenant }, "no witness now; the next round asks again"));
  };
  return every(intervalMs, round, (err) => logger.warn({ err }, "a round of witnessing failed; the next one tries again"));
}
