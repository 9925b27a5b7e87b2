import type { Digest } from "@aegis/canonical/digest";
import type { Head } from "@aegis/policy/bundle";
import { beforeEach, expect, test } from "vitest";
import type { Revision } from "#domain/revision.ts";
import { handOut, handOutQuietly } from "./hand-out.ts";
import type { HandOutView, HeadRow, Ports, Stamp } from "./ports.ts";
import { reconcile } from "./reconcile.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const row = (revision: number, tenant = "acme"): HeadRow => ({ tenant, revision, version: `${revision}-x`, digest: digest("a") });
const object = (revision: number, tenant = "acme") => `${tenant}/${revision}-${"a".repeat(64)}`;

let done: string[];
let heads: Map<string, { head: Head; stamp: number }>;
let bundles: Set<string>;
let rows: HeadRow[];
let now: number;
let beforePut: () => void;
let reachable: (tenant: string) => boolean;
let ports: Ports;

beforeEach(() => {
  done = [];
  heads = new Map();
  bundles = new Set();
  rows = [row(3)];
  now = 1_000_000;
  beforePut = () => undefined;
  reachable = () => true;
  ports = {
    headLifetime: 100,
    clock: { now: () => new Date(now), pause: async () => undefined },
    revisions: { heads: async () => rows },
    handOuts: {
      exclusively: (tenant: string, work: (view: HandOutView) => Promise<unknown>) =>
        work({
          head: async () => rows.find((one) => one.tenant === tenant) as Revision | undefined,
          tarball: async () => new Uint8Array([1]),
          markPublished: async (revision) => void done.push(`published ${tenant} ${revision}`),
        }),
    },
    distribution: {
      head: async (tenant: string) => {
        if (!reachable(tenant)) throw new Error("away");
        return { head: heads.get(tenant)?.head, stamp: heads.get(tenant)?.stamp };
      },
      putHead: async (head: Head, stamp: Stamp) => {
        beforePut();
        if (heads.get(head.tenant)?.stamp !== stamp) return false;
        heads.set(head.tenant, { head, stamp: (stamp ?? 0) + 1 });
        done.push(`head ${head.tenant} ${head.revision}`);
        return true;
      },
      hasBundle: async (name: string) => bundles.has(name),
      putBundle: async (name: string) => {
        bundles.add(name);
        done.push(`bundle ${name}`);
      },
    },
    signals: {
      handedOut: (_: string, revision: number, why: string) => done.push(`${why} ${revision}`),
      handOutFailed: (tenant: string) => done.push(`failed ${tenant}`),
      headAhead: (_: string, known: number, found: number) => done.push(`ahead ${known} ${found}`),
    },
  } as unknown as Ports;
});

test("the bundle is there before the head that names it", async () => {
  expect(await handOut(ports, "acme", { thorough: false })).toBe(now);
  expect(done).toEqual([`bundle ${object(3)}`, "head acme 3", "new 3", "published acme 3"]);
});

test("handing out again does nothing, until half the head's life is over", async () => {
  rows = [{ ...row(3), publishedAt: 5 }];
  await handOut(ports, "acme", { thorough: true });
  done = [];
  expect(await handOut(ports, "acme", { thorough: true })).toBe(5);
  expect(await reconcile(ports, { thorough: false })).toBe(0);
  expect(done).toEqual([]);
  now += 51_000;
  await reconcile(ports, { thorough: false });
  expect(done).toEqual(["head acme 3", "renewed 3"]);
});

test("a head is never put over a newer one, however late this process is", async () => {
  beforePut = () => {
    beforePut = () => undefined;
    heads.set("acme", { head: { ...headOfRevision(4) }, stamp: 9 });
  };
  expect(await handOut(ports, "acme", { thorough: false })).toBeUndefined();
  expect(heads.get("acme")?.head.revision).toBe(4);
  expect(done).toEqual([`bundle ${object(3)}`, "ahead 3 4"]);
});

test("what vanished from NATS is restored, also a bundle whose head is still there", async () => {
  await reconcile(ports, { thorough: true });
  done = [];
  heads.clear();
  bundles.clear();
  await reconcile(ports, { thorough: false });
  expect(done).toContain("head acme 3");
  bundles.clear();
  done = [];
  await reconcile(ports, { thorough: true });
  expect(done).toContain(`bundle ${object(3)}`);
});

test("one tenant that cannot be handed out does not hold up the others", async () => {
  rows = [row(3, "acme"), row(1, "globex")];
  reachable = (tenant) => tenant !== "acme";
  expect(await reconcile(ports, { thorough: true })).toBe(1);
  expect(done).toEqual(["failed acme", `bundle ${object(1, "globex")}`, "head globex 1", "new 1", "published globex 1"]);
});

test("a failure after the commit is left to the next round, and the revision stays pending", async () => {
  reachable = () => false;
  expect(await handOutQuietly(ports, "acme")).toBeUndefined();
  reachable = () => true;
  expect(await handOutQuietly(ports, "acme")).toBe(now);
  expect(done).toEqual(["failed acme", `bundle ${object(3)}`, "head acme 3", "new 3", "published acme 3"]);
});

function headOfRevision(revision: number): Head {
  return {
    tenant: "acme",
    revision,
    version: `${revision}-x`,
    digest: digest("b"),
    object: object(revision),
    issued: now / 1_000,
    expires: now / 1_000 + 100,
  };
}
