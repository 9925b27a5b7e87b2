import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findTool } from "@aegis/infra/tools";
import { until } from "@aegis/testkit/until";
import { tenantKey } from "@aegis/tlog/checkpoint";
import { formatVerifierKey } from "@aegis/tlog/note";
import { expect, test } from "vitest";
import { decision } from "./events.ts";
import { Fabric } from "./fabric.ts";
import { startWitness } from "./witness.ts";

const run = promisify(execFile);
const go = await findTool("go", { directories: ["/usr/local/go/bin"] });

/** Go's sumdb packages, which share no code with the ledger. */
async function verifier(): Promise<string> {
  const binary = join(await mkdtemp(join(tmpdir(), "aegis-second-")), "second-verifier");
  await run(go as string, ["build", "-o", binary, "."], { cwd: new URL("second-verifier", import.meta.url).pathname });
  return binary;
}

// Where there is no Go, there is no second verifier.
test.skipIf(go === undefined)(
  "Go's sumdb accepts notes, cosignatures, tiles, every inclusion and the consistency of what was signed, and nothing that was changed",
  async () => {
    const binary = await verifier();
    await using fabric = await Fabric.start();
    await using witness = await startWitness("witness.test", fabric.key);
    const settings = { AEGIS_AUDIT_WITNESSES: witness.setting, AEGIS_AUDIT_WITNESS_INTERVAL_MS: "100" };
    const audit = await fabric.startAudit(await fabric.startSigner(), settings);
    const events = Array.from({ length: 700 }, (_, at) => decision({ sequence: at + 1 }));
    await fabric.publish(events.slice(0, 300));
    await fabric.covered("acme", 300);
    const older = await (await fabric.get(audit, "/tlog/acme/checkpoint")).text();
    await fabric.publish(events.slice(300));
    await fabric.covered("acme", 700);
    const latest = async () => (await fabric.get(audit, "/tlog/acme/checkpoint")).text();
    await until(async () => (await latest()).includes("\n700\n") && (await latest()).includes("— witness.test "), { what: "witnessed" });
    const file = join(fabric.directory, "older.note");
    await writeFile(file, older);
    const token = await fabric.issuer.token({ user: "alice", roles: { acme: ["auditor"] } });
    const check = (vkey: string) => run(binary, [`${audit.url}/tlog/acme`, vkey, file], { env: { TOKEN: token, WITNESS: witness.vkey } });
    const vkey = formatVerifierKey(tenantKey(fabric.key, "acme"));
    const { stdout } = await check(vkey);
    expect(JSON.parse(stdout)).toEqual({ size: 700, included: 700, consistent: 1, witnessed: 1 });
    await expect(check(formatVerifierKey(tenantKey(fabric.key, "globex")))).rejects.toMatchObject({ code: 5 });

    await fabric.tamper(`update entries set leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"amount":100', '"amount":101'), 'UTF8')
      where sequence = 450`);
    await expect(check(vkey)).rejects.toMatchObject({ code: 5 });
  },
  600_000,
);
