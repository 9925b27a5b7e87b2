import { connectBus } from "@aegis/bus/connect";
import { ensureStreams } from "@aegis/bus/streams";
import { operatorsOf } from "@aegis/http/org-reads";
import { createHttpServer, listen } from "@aegis/http/server";
import { runOutbox } from "@aegis/postgres/outbox";
import { peerToken, peerVerifier } from "@aegis/rpc/peer";
import { systemClock as clock } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { parseVerifierKey } from "@aegis/tlog/note";
import { readConfig } from "./config.ts";
import { consumeEvents } from "./inbound/events.ts";
import { ledgerRoutes } from "./inbound/http.ts";
import { runRetention } from "./inbound/retention.ts";
import { runSchedule } from "./inbound/schedule.ts";
import { serveSiem } from "./inbound/siem.ts";
import { runWitnessing } from "./inbound/witnessing.ts";
import { announcer } from "./outbound/announcer.ts";
import { checkpointArchive } from "./outbound/checkpoint-archive.ts";
import { erasing } from "./outbound/erasing.ts";
import { exportPorts } from "./outbound/exports.ts";
import { openSchema } from "./outbound/schema.ts";
import { siemConsumer } from "./outbound/siem-consumer.ts";
import { signerClient } from "./outbound/signer-client.ts";
import { stores } from "./outbound/stores.ts";
import { witnessClient } from "./outbound/witness-client.ts";
import { exportSignals, retentionSignals, signals } from "./signals.ts";

const config = readConfig();

await runService({ name: "audit", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance } = context;
  const db = own(await openSchema(config, logger));
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: replicas } = config;
  const bus = own(await connectBus({ url, user, password, replicas, name: instance, logger }));
  await ensureStreams(bus);
  const credential = peerToken({ keyFile: config.serviceKeyFile, service: "audit", audience: "signer" });
  const ports = {
    ...stores(db, instance),
    archive: checkpointArchive(config.checkpointDirectory),
    signer: signerClient({ url: config.signerUrl, credential }),
    announcer: announcer(bus),
    clock,
    signals: signals(telemetry, logger),
    retentionSignals: retentionSignals(telemetry, logger),
    key: parseVerifierKey(config.checkpointKey),
    ...erasing(bus, config),
  };
  own(runOutbox({ db, bus, schema: "audit", logger }));
  const { checkpointIntervalMs: intervalMs, checkpointEntries: entries } = config;
  const schedule = own(runSchedule(ports, { intervalMs, entries, logger, postgres: health.check("postgres") }));
  own(runWitnessing(ports, { witnesses: config.witnesses.map(witnessClient), intervalMs: config.witnessIntervalMs, logger }));
  const [http, auth] = [await createHttpServer(context), operatorsOf(config, "audit")];
  const exports = { ...own(exportPorts(db, bus, config)), exportSignals: exportSignals(telemetry, logger) };
  const siem = own(serveSiem(http, exports, auth, { ensureConsumer: siemConsumer(bus), stopping: context.stopping }));
  const onAppended = [schedule.appended, siem.appended];
  own(consumeEvents(bus, ports, { ...config, logger, nats: health.check("nats"), onAppended }));
  own(runRetention(ports, { onAppended }));
  ledgerRoutes(http, ports, auth, peerVerifier({ peersFile: config.peersFile, audience: "audit", allow: ["authz"] }));
  own(await listen(http, { host: config.host, port: config.httpPort }));
});
