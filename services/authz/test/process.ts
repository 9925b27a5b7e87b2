import { spawn } from "node:child_process";
import { once } from "node:events";

/** Another service of this repository as its own process; SIGTERM ends it. */
export function startService(main: string, prefix: string, environment: Readonly<Record<string, string>>): AsyncDisposable {
  const own = Object.entries(environment).map(([name, value]) => [`${prefix}_${name}`, value]);
  const child = spawn(process.execPath, [main], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...Object.fromEntries(own) },
  });
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}
