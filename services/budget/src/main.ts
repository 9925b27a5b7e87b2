import { connectBus } from "@aegis/bus/connect";
import { operatorsOf } from "@aegis/http/org-reads";
import { createHttpServer, listen } from "@aegis/http/server";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { runOutbox } from "@aegis/postgres/outbox";
import { peerVerifier } from "@aegis/rpc/peer";
import { createRpcServer } from "@aegis/rpc/server";
import { systemClock } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { readConfig } from "./config.ts";
import { hearing } from "./inbound/events.ts";
import { budgetRpc } from "./inbound/grpc.ts";
import { routes } from "./inbound/routes.ts";
import { keepSweeping, keepTelling, watchBurn } from "./inbound/schedule.ts";
import type { Tables } from "./outbound/accounts.ts";
import { breakerBoard } from "./outbound/breaker-board.ts";
import { burningAccounts } from "./outbound/burn.ts";
import { announcer } from "./outbound/events.ts";
import { ids } from "./outbound/ids.ts";
import { followPolicies, readKeys } from "./outbound/policies.ts";
import { stores } from "./outbound/stores.ts";
import { signals } from "./signals.ts";

const config = readConfig();

await runService({ name: "budget", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance } = context;
  const directory = new URL("../migrations", import.meta.url).pathname;
  await migrate({ url: config.migrationUrl, directory, schema: "budget", owner: "budget_owner", logger });
  const db = own(connectDatabase<Tables>({ url: config.postgresUrl, name: instance, schema: "budget", maxConnections: 20 }));
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: replicas } = config;
  const bus = own(await connectBus({ url, user, password, replicas, name: instance, logger, wait: false }));
  const told = signals(telemetry, logger);
  const keys = readKeys(config.bundleKeysFile);
  const policies = own(await followPolicies({ bus, keys, signals: told, logger, ready: health.check("policies") }));
  const stream = hearing(bus, logger);
  const kept = stores(db, announcer(instance), await breakerBoard(bus));
  const ports = { policies, ...kept, stream, clock: systemClock, ids, signals: told };
  own(runOutbox({ db, bus, schema: "budget", logger }));
  const http = await createHttpServer(context);
  const operators = operatorsOf(config, "budget");
  routes(http, ports, operators);
  const rpc = createRpcServer(context);
  const peers = { peersFile: config.peersFile, audience: "budget" };
  budgetRpc(rpc, ports, {
    authz: peerVerifier({ ...peers, allow: ["authz"] }),
    usage: peerVerifier({ ...peers, allow: ["authz", "gateway"] }),
    token: peerVerifier({ ...peers, allow: ["token"] }),
  });
  own(stream.start(ports));
  own(keepSweeping(ports, health.check("postgres")));
  own(keepTelling(ports));
  own(watchBurn(burningAccounts(db), told));
  own(await rpc.listen({ host: config.host, port: config.grpcPort }));
  own(await listen(http, { host: config.host, port: config.httpPort }));
});
