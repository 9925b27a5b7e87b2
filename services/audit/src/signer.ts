import { createPrivateKey, type JsonWebKeyInput } from "node:crypto";
import { readFileSync } from "node:fs";
import { createHttpServer, listen } from "@aegis/http/server";
import { peerVerifier } from "@aegis/rpc/peer";
import { systemClock as clock } from "@aegis/service/clock";
import { runService } from "@aegis/service/run";
import { signCheckpoint } from "@aegis/tlog/checkpoint";
import { readSignerConfig } from "./config.ts";
import { signerRoutes } from "./inbound/signer-http.ts";
import { signerState } from "./outbound/signer-state.ts";
import { sign } from "./usecases/sign.ts";

const config = readSignerConfig();

await runService({ name: "signer", instance: config.instance, logLevel: config.logLevel }, async (context) => {
  const jwk = JSON.parse(readFileSync(config.keyFile, "utf8")) as JsonWebKeyInput["key"];
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  const server = await createHttpServer(context, { bodyLimit: 64 * 1024 });
  signerRoutes(server, {
    peer: peerVerifier({ peersFile: config.peersFile, audience: "signer", allow: ["audit"] }),
    sign: sign({ state: signerState(config.stateDirectory), makeNote: (checkpoint) => signCheckpoint(checkpoint, privateKey), clock }),
  });
  context.own(await listen(server, { host: config.host, port: config.httpPort }));
});
