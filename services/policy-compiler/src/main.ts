import { connectBus } from "@aegis/bus/connect";
import { ensureStreams } from "@aegis/bus/streams";
import { operatorAuth } from "@aegis/http/operator";
import { createHttpServer, listen } from "@aegis/http/server";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { runOutbox } from "@aegis/postgres/outbox";
import { runService } from "@aegis/service/run";
import { readConfig } from "./config.ts";
import { bundleRoutes } from "./inbound/bundle-service.ts";
import { hearEvents } from "./inbound/events.ts";
import { policyRoutes } from "./inbound/http.ts";
import { keepHandedOut } from "./inbound/schedule.ts";
import { activationStore } from "./outbound/activation-store.ts";
import { bundleWriter } from "./outbound/bundle-writer.ts";
import { clock } from "./outbound/clock.ts";
import { distribution } from "./outbound/distribution.ts";
import { eventWriter } from "./outbound/events.ts";
import { handOuts } from "./outbound/hand-outs.ts";
import { replicas } from "./outbound/replicas.ts";
import { revisionStore } from "./outbound/revision-store.ts";
import { readSigningKey } from "./outbound/signing-key.ts";
import type { Tables } from "./outbound/tables.ts";
import { signals } from "./signals.ts";

const config = readConfig();

await runService({ name: "policy-compiler", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance, stopping } = context;
  const key = await readSigningKey(config.signingKeyFile);
  const directory = new URL("../migrations", import.meta.url).pathname;
  await migrate({ url: config.migrationUrl, directory, schema: "policy_compiler", owner: "policy_compiler_owner", logger });
  const db = own(connectDatabase<Tables>({ url: config.postgresUrl, name: instance, schema: "policy_compiler" }));
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: copies } = config;
  const bus = own(await connectBus({ url, user, password, replicas: copies, name: instance, logger }));
  await ensureStreams(bus);
  const ports = {
    revisions: revisionStore(db, eventWriter(instance)),
    handOuts: handOuts(db),
    distribution: await distribution(bus, key),
    bundles: bundleWriter(key),
    activations: activationStore(db),
    replicas: own(await replicas(bus, logger)),
    clock,
    signals: signals(telemetry, logger),
    headLifetime: config.headLifetime,
  };
  own(runOutbox({ db, bus, schema: "policy_compiler", logger }));
  const who = operatorAuth({ issuer: config.oidcIssuer });
  const http = await createHttpServer(context, { bodyLimit: 8 * 1024 * 1024 });
  policyRoutes(http, ports, who);
  bundleRoutes(http, ports, who, stopping);
  own(hearEvents(bus, ports, logger));
  own(keepHandedOut(bus, ports, { everyMs: config.reconcileInterval, database: health.check("postgres") }));
  own(await listen(http, { host: config.host, port: config.httpPort }));
});
