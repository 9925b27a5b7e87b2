import { connectBus } from "@aegis/bus/connect";
import { ensureStreams } from "@aegis/bus/streams";
import { createHttpServer, listen } from "@aegis/http/server";
import { proofNonces } from "@aegis/identity/dpop-nonce";
import { agentAudience, agentTokenVerifier } from "@aegis/identity/verify";
import { connectDatabase } from "@aegis/postgres/connect";
import { migrate } from "@aegis/postgres/migrate";
import { runOutbox } from "@aegis/postgres/outbox";
import { peerVerifier } from "@aegis/rpc/peer";
import { systemClock as clock } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { readConfig } from "./config.ts";
import { tokenRoutes } from "./inbound/http.ts";
import { operatorsHere } from "./inbound/orgs.ts";
import { keepPublished } from "./inbound/schedule.ts";
import { enforcers } from "./outbound/enforcers.ts";
import { ids } from "./outbound/ids.ts";
import { fileJournal } from "./outbound/journal.ts";
import { revocationBoard } from "./outbound/revocation-board.ts";
import { sealedVault } from "./outbound/sealed-vault.ts";
import { signingKeys } from "./outbound/signing-keys.ts";
import { spawningOver } from "./outbound/spawning.ts";
import { stores } from "./outbound/stores.ts";
import type { Tables } from "./outbound/tables.ts";
import { signals } from "./signals.ts";

const config = readConfig();

await runService({ name: "token", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const { own, logger, health, telemetry, instance } = context;
  const directory = new URL("../migrations", import.meta.url).pathname;
  await migrate({ url: config.migrationUrl, directory, schema: "token", owner: "token_owner", logger });
  const db = own(connectDatabase<Tables>({ url: config.postgresUrl, name: instance, schema: "token" }));
  const { natsUrl: url, natsUser: user, natsPassword: password, natsReplicas: replicas, issuer, sealingKey } = config;
  const bus = own(await connectBus({ url, user, password, replicas, name: instance, logger, wait: false }));
  const { keyAlgorithm, keyAnnounceSeconds: announceSeconds, tokenSeconds, mtlsUrl } = config;
  const keys = await signingKeys({ db, clock, announceSeconds, tokenSeconds, vault: sealedVault(sealingKey, keyAlgorithm) });
  const journal = await fileJournal(config.journalFile);
  const ports = {
    ...stores(db, { instance, journal, internalHosts: config.internalHosts }),
    nonces: proofNonces(sealingKey),
    board: own(await revocationBoard(bus)),
    journal,
    enforcers: own(await enforcers(bus, logger)),
    spawning: own(spawningOver(config)),
    keys,
    verifier: agentTokenVerifier({ issuer, jwks: keys.jwks, clock, cooldownMs: 1_000 }),
    clock,
    ids,
    signals: signals(telemetry, logger),
    settings: { issuer, mtlsUrl, audience: agentAudience, maxDepth: config.maxDepth, tokenSeconds, secondPerson: config.secondPerson },
  };
  own(runOutbox({ db, bus, schema: "token", logger }));
  const background = { ports, refreshKeys: keys.refresh, connected: () => bus.connected(), ensureStreams: () => ensureStreams(bus) };
  own(keepPublished({ ...background, database: health.check("postgres"), keyMs: config.keyDays * 86_400_000 }));
  const http = await createHttpServer(context);
  const peers = peerVerifier({ peersFile: config.peersFile, audience: "token", allow: ["authz"] });
  tokenRoutes(http, ports, operatorsHere(ports, config.oidcIssuer), peers);
  own(await listen(http, { host: config.host, port: config.httpPort, mutualTls: config.mutualTls }));
});
