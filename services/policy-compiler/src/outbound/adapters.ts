import type { Bus } from "@aegis/bus/connect";
import type { Database } from "@aegis/postgres/connect";
import type { ServiceContext } from "@aegis/service/run";
import type { OpaPorts, Ports } from "#usecases/ports.ts";
import { type PolicyCompilerSignals, signals } from "../signals.ts";
import { activationStore } from "./activation-store.ts";
import { bundleWriter } from "./bundle-writer.ts";
import { clock } from "./clock.ts";
import { distribution } from "./distribution.ts";
import { eventWriter } from "./events.ts";
import { handOuts } from "./hand-outs.ts";
import { opaStore } from "./opa-store.ts";
import { replicas } from "./replicas.ts";
import { revisionStore } from "./revision-store.ts";
import type { SigningKey } from "./signing-key.ts";
import type { Tables } from "./tables.ts";
import { wakeUps } from "./wake-ups.ts";

/** Every port over PostgreSQL, NATS and the signing key; what must be closed is owned. */
export async function adapters(
  around: Pick<ServiceContext, "own" | "logger" | "telemetry" | "instance"> & {
    readonly db: Database<Tables>;
    readonly bus: Bus;
    readonly key: SigningKey;
    readonly headLifetime: number;
  },
): Promise<Ports & OpaPorts & { readonly signals: PolicyCompilerSignals }> {
  const { db, bus, key, own, logger, telemetry, instance, headLifetime } = around;
  return {
    revisions: revisionStore(db, eventWriter(instance), key),
    handOuts: handOuts(db, key),
    distribution: await distribution(bus, key),
    bundles: bundleWriter(key),
    activations: activationStore(db),
    opas: opaStore(db),
    replicas: own(await replicas(bus, logger)),
    wakeUps: own(await wakeUps(bus, logger)),
    clock,
    signals: signals(telemetry, logger),
    headLifetime,
  };
}
