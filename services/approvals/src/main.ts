import { connectBus } from "@aegis/bus/connect";
import { operatorAuth } from "@aegis/http/operator";
import { createHttpServer, listen } from "@aegis/http/server";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { runOutbox } from "@aegis/postgres/outbox";
import { peerVerifier } from "@aegis/rpc/peer";
import { createRpcServer } from "@aegis/rpc/server";
import { systemClock } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { readConfig } from "./config.ts";
import { callers } from "./inbound/callers.ts";
import { hearEvents } from "./inbound/events.ts";
import { approvalsRpc } from "./inbound/grpc.ts";
import { approvalRoutes } from "./inbound/http.ts";
import { keepExpiring } from "./inbound/schedule.ts";
import { approvalStore } from "./outbound/approval-store.ts";
import { changes } from "./outbound/changes.ts";
import { eventWriter } from "./outbound/events.ts";
import { overrideStore } from "./outbound/override-store.ts";
import type { Tables } from "./outbound/tables.ts";
import { tokens } from "./outbound/tokens.ts";
import { signals } from "./signals.ts";

const config = readConfig();

await runService({ name: "approvals", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance, stopping } = context;
  const directory = new URL("../migrations", import.meta.url).pathname;
  await migrate({ url: config.migrationUrl, directory, schema: "approvals", owner: "approvals_owner", logger });
  const db = own(connectDatabase<Tables>({ url: config.postgresUrl, name: instance, schema: "approvals" }));
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: replicas } = config;
  const bus = own(await connectBus({ url, user, password, replicas, name: instance, logger, wait: false }));
  const events = eventWriter(instance);
  const ports = {
    approvals: approvalStore(db, events),
    overrides: overrideStore(db, events),
    tokens,
    changes: own(changes(db, logger)),
    clock: systemClock,
    signals: signals(telemetry, logger),
  };
  own(runOutbox({ db, bus, schema: "approvals", logger }));
  const agents = agentTokenVerifier({ issuer: config.tokenIssuer, jwks: config.tokenJwksUrl });
  const who = callers(operatorAuth({ issuer: config.oidcIssuer }), agents);
  const http = await createHttpServer(context);
  approvalRoutes(http, ports, who, stopping);
  const rpc = createRpcServer(context);
  approvalsRpc(rpc, ports, who, peerVerifier({ peersFile: config.peersFile, audience: "approvals", allow: ["authz"] }), stopping);
  own(hearEvents(bus, ports, logger));
  own(keepExpiring(ports, health.check("postgres")));
  own(await rpc.listen({ host: config.host, port: config.grpcPort }));
  own(await listen(http, { host: config.host, port: config.httpPort }));
});
