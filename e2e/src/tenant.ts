import { randomUUID } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { Cli } from "./cli.ts";
import { attach, type Fabric } from "./fabric.ts";

/** What `aegis check --json` prints. */
export interface Checked {
  readonly decision: string;
  readonly decisionId: string;
  readonly reasons: readonly { readonly code: string; readonly message: string; readonly pointer?: string; readonly rule?: string }[];
  readonly arguments?: Record<string, unknown>;
  readonly redactions?: readonly { readonly pointer: string; readonly detector: string; readonly count: number }[];
  readonly approval?: { readonly id: string };
  readonly shadow?: { readonly decision: string; readonly reasons: readonly { readonly code: string }[] };
  readonly snapshotDigest?: string;
  readonly actionDigest?: string;
  readonly policyVersion?: string;
}

/** One call to ask about. */
interface Question {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly args: Record<string, unknown>;
  readonly more?: readonly string[];
}

/** A tenant of a scenario's own on a fabric. */
export interface Tenant {
  readonly name: string;
  readonly fabric: Omit<Fabric, typeof Symbol.asyncDispose>;
  readonly cli: Cli;
  publish(...documents: string[]): Promise<{ revision: number; digest: string; enforcedOn: number; replicas: number }>;
  register(agent: string, ...more: string[]): Promise<{ keyFile: string }>;
  check(question: Question): Promise<Checked>;
}

/** A fresh tenant on the fabric that the scenarios share. */
export async function sharedTenant(prefix: string): Promise<Tenant> {
  return tenantOn(await attach(inject("fabric")), prefix);
}

export function tenantOn(fabric: Omit<Fabric, typeof Symbol.asyncDispose>, prefix: string): Tenant {
  const name = `${prefix}-${randomUUID().slice(0, 8)}`;
  const { cli } = fabric;
  return {
    name,
    fabric,
    cli,
    async publish(...documents) {
      const directory = await mkdtemp(join(tmpdir(), "policy-"));
      const files = await Promise.all(
        documents.map(async (text, index) => {
          const file = join(directory, `policy-${index + 1}.yaml`);
          await writeFile(file, text);
          return file;
        }),
      );
      return cli.json(["policy", "publish", "--tenant", name, ...files, "--wait"]);
    },
    register: (agent, ...more) =>
      cli.json([
        "agent",
        "register",
        "--tenant",
        name,
        "--agent",
        agent,
        "--owner",
        "olivia@acme.test",
        "--scope",
        "stripe-payments:*",
        ...more,
      ]),
    check: ({ agent, tool, action, args, more = [] }) =>
      cli.json(
        ["check", "--tenant", name, "--agent", agent, "--tool", tool, "--action", action, "--args", JSON.stringify(args), ...more],
        "any",
      ),
  };
}

/** The codes of an answer's reasons. */
export const codes = (checked: Checked): string[] => checked.reasons.map((reason) => reason.code);
