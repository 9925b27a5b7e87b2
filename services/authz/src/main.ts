import { connectBus } from "@aegis/bus/connect";
import { createRpcServer } from "@aegis/rpc/server";
import { systemClock as clock, later } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { originsOf, readConfig } from "./config.ts";
import { Breakers } from "./domain/breakers.ts";
import { Revocations } from "./domain/revocations.ts";
import { followEvents } from "./inbound/events.ts";
import { serveGrpc } from "./inbound/grpc.ts";
import { serveHttp } from "./inbound/http.ts";
import { keepSchedule } from "./inbound/schedule.ts";
import { authnFailures } from "./outbound/authn-failures.ts";
import { bundleStore } from "./outbound/bundles.ts";
import { dataDirectory, readKeys } from "./outbound/data-directory.ts";
import { eventLog, openEvents } from "./outbound/event-log.ts";
import { ids } from "./outbound/ids.ts";
import { connectPeers } from "./outbound/peers.ts";
import { usedProofs } from "./outbound/proofs.ts";
import { replicaBoard } from "./outbound/replica-board.ts";
import { sessionStore } from "./outbound/sessions.ts";
import { keepStreams } from "./outbound/streams.ts";
import { tokenService } from "./outbound/token-service.ts";
import { signals as declareSignals } from "./signals.ts";
import { authz } from "./usecases/authz.ts";

const config = readConfig();
await runService({ name: "authz", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance, giveUp } = context;
  const { host, natsUrl: url, natsUser: user, natsPassword: password, serviceKeyFile: keyFile, approvalsUrl, auditUrl } = config;
  const bus = own(await connectBus({ url, user, password, replicas: config.natsReplicas, name: instance, logger, wait: false }));
  own(keepStreams(bus, logger));
  const disk = await dataDirectory({ directory: config.dataDirectory, pseudonymKey: config.pseudonymKey });
  const spool = own(await openEvents({ directory: disk.spoolDirectory, logger, limits: { maxBytes: config.spoolMaxBytes } }));
  const log = own(eventLog({ spool, bus, instance, producerKey: config.producerKey, logger }));
  const { budgetAddress, approvalsAddress, forwardedCertificates } = config;
  const holder = `${instance}/${spool.epoch}`;
  const peers = own(connectPeers({ bus, holder, keyFile, budgetAddress, approvalsAddress, approvalsUrl, auditUrl, clock, logger }));
  const token = tokenService({ issuer: config.tokenIssuer, jwksUrl: config.tokenJwksUrl, cacheFile: disk.jwksFile, keyFile });
  const failures = authnFailures(bus, { source: log.source, now: clock.now });
  const board = own(await replicaBoard(bus, { replica: instance, epoch: spool.epoch }));
  const signals = declareSignals(telemetry, logger);
  const [revocations, breakers] = [new Revocations(), new Breakers()];
  const disks = { policyCache: disk.policies, revocationCache: disk.revocations, hashKeyOf: disk.hashKeyOf };
  const service = authz({
    ...{ log, ...peers, ...disks, clock, newId: ids(), signals, revocations, breakers, failures, replica: instance, later },
    ...{ tokens: token.tokens, snapshots: token.revocations, bundles: await bundleStore(bus), keys: await readKeys(config.bundleKeysFile) },
    ...{ sessions: await sessionStore(bus), proofs: await usedProofs(bus, originsOf(config)) },
    monotonic: () => performance.now(),
    onChange: () => heartbeat().catch((error) => signals.upkeepFailed("the replica's heartbeat", error)),
  });
  const heartbeat = () => board.show({ ...service.policies.standing(), revocations: service.revocations.applied() });
  signals.watch({ log, spool, spoolLimit: config.spoolMaxBytes, revocationAge: () => revocations.age(clock.now().getTime()) / 1000 });
  const rpc = createRpcServer(context, {}, { inFlight: config.maxInFlight, onRefused: signals.refusedBusy });
  serveGrpc(rpc, { ...service, statusUrl: peers.approvals.statusUrl, outcomeReported: signals.outcomeReported, forwardedCertificates });
  await followEvents(bus, context, { ...service, ...peers, ...log, ...signals, breakers, holder });
  own(keepSchedule({ spool, lag: log.lag, health, heartbeat, budget: peers.budget, signals, revocations: service.revocations, giveUp }));
  own(await rpc.listen({ host, port: config.grpcPort, sharedPort: config.sharedPort, mutualTls: config.mutualTls }));
  own(await serveHttp(context, { ...config, port: config.httpPort }, { ...service, statusUrl: peers.approvals.statusUrl }));
});
