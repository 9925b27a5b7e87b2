import { startNatsServer } from "../src/nats-server.ts";
import { startPostgres } from "../src/postgres-server.ts";

/** Starts both servers, says their process numbers, and waits to be killed. */
const [root, toolsDirectory, nats, postgres] = process.argv.slice(2) as [string, string, string, string];
const servers = await Promise.all([
  startNatsServer({ directory: `${root}/nats`, port: Number(nats), toolsDirectory }),
  startPostgres({ directory: `${root}/postgres`, port: Number(postgres), toolsDirectory }),
]);
process.stdout.write(`started ${servers.map((server) => server.pid).join(" ")}\n`);
setInterval(() => undefined, 60_000);
