import type { Bus } from "@aegis/bus/connect";
import { openObjects } from "@aegis/bus/objects";
import { stores } from "@aegis/contracts/subjects";
import type { Bundles } from "#usecases/ports.ts";

/** Bundles in the JetStream object store. */
export async function bundleStore(bus: Bus): Promise<Bundles> {
  const objects = await openObjects(bus, stores.bundles);
  return { get: (object) => objects.get(object) };
}
