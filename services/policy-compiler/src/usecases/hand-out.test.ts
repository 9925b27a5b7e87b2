import type { Digest } from "@aegis/canonical/digest";
import type { Head } from "@aegis/policy/bundle";
import { beforeEach, expect, test } from "vitest";
import type { LiveReplica } from "#domain/activation.ts";
import type { Revision } from "#domain/revision.ts";
import { handOut, handOutQuietly } from "./hand-out.ts";
import type { HandOutView, HeadRow, Ports, Stamp } from "./ports.ts";
import { handOutTogether } from "./publish-behind-barrier.ts";
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
let tarball: Digest;
let live: LiveReplica[];
/** What the replicas do when they are waited for. */
let react: () => void;

beforeEach(() => {
  done = [];
  heads = new Map();
  bundles = new Set();
  rows = [row(3)];
  now = 1_000_000;
  beforePut = () => undefined;
  reachable = () => true;
  tarball = digest("7");
  live = [];
  react = () => undefined;
  ports = {
    wakeUps: { wake: () => undefined },
    replicas: {
      live: () => live,
      until: async (_: string, reached: (all: readonly LiveReplica[]) => boolean) => {
        react();
        return reached(live);
      },
    },
    headLifetime: 100,
    clock: { now: () => new Date(now), pause: async () => undefined },
    revisions: { heads: async () => rows },
    handOuts: {
      exclusively: (tenant: string, work: (view: HandOutView) => Promise<unknown>) =>
        work({
          head: async () => rows.find((one) => one.tenant === tenant) as Revision | undefined,
          bundle: async () => ({ digest: tarball, tarball: async () => new Uint8Array([1]) }),
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
      holdsBundle: async (name: string, wanted: Digest) => bundles.has(name) && wanted === tarball,
      putBundle: async (name: string) => {
        bundles.add(name);
        done.push(`bundle ${name}`);
      },
    },
    signals: {
      handedOut: (_: string, revision: number, why: string) => done.push(`${why} ${revision}`),
      handOutFailed: (tenant: string) => done.push(`failed ${tenant}`),
      bundleRestored: (_: string, revision: number) => done.push(`restored ${revision}`),
      barrier: (_: string, { live, late }: { live: number; late: string[] }) => done.push(`barrier ${live} ${late}`),
      skew: (milliseconds: number) => done.push(`skew ${milliseconds}`),
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
  expect((await reconcile(ports, { thorough: false })).failed).toBe(0);
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
  expect((await reconcile(ports, { thorough: true })).failed).toBe(1);
  expect(done).toEqual(["failed acme", `bundle ${object(1, "globex")}`, "head globex 1", "new 1", "published globex 1"]);
});

test("a failure after the commit is left to the next round, and the revision stays pending", async () => {
  reachable = () => false;
  expect(await handOutQuietly(ports, "acme")).toBeUndefined();
  reachable = () => true;
  expect(await handOutQuietly(ports, "acme")).toBe(now);
  expect(done).toEqual(["failed acme", `bundle ${object(3)}`, "head acme 3", "new 3", "published acme 3"]);
});

test("a bundle that NATS changed or lost is put back in the tenant's turn, without any reconnect", async () => {
  rows = Array.from({ length: 40 }, (_, index) => ({ ...row(1, `t${String(index).padStart(2, "0")}`), publishedAt: 5 }));
  await reconcile(ports, { thorough: true });
  bundles.delete(object(1, "t39"));
  done = [];
  const first = await reconcile(ports, { thorough: false });
  expect([first.lookedAt, done]).toEqual(["t31", []]);
  const second = await reconcile(ports, { thorough: false, after: first.lookedAt });
  expect(done).toEqual([`bundle ${object(1, "t39")}`, "restored 1"]);
  expect((await reconcile(ports, { thorough: false, after: second.lookedAt })).lookedAt).toBe("t31");
});

test("a bundle that another key signed again comes out under the same revision, with a head that pins it", async () => {
  await handOut(ports, "acme", { thorough: false });
  tarball = digest("8");
  done = [];
  await reconcile(ports, { thorough: true });
  expect(done.slice(0, 3)).toEqual([`bundle ${object(3)}`, "head acme 3", "renewed 3"]);
  expect(heads.get("acme")?.head).toMatchObject({ revision: 3, digest: digest("a"), tarball });
});

const acme = { tenant: "acme", revision: 3 };
const standing = (replica: string, revision: number, prepared: number, since?: number): LiveReplica => ({
  ...{ replica, revision, prepared },
  ...(since === undefined ? {} : { since }),
});

test("behind a barrier the word comes when every live replica is prepared, and the skew is told", async () => {
  live = [standing("a", 2, 0), standing("b", 2, 0)];
  const seen: (number | undefined)[] = [];
  react = () => {
    seen.push(heads.get("acme")?.head.barrier);
    live = seen.length === 1 ? [standing("a", 2, 3), standing("b", 2, 3)] : [standing("a", 3, 0, 100), standing("b", 3, 0, 104)];
  };
  const { publishedAt, barrier } = await handOutTogether(ports, acme, { barrier: true });
  expect([publishedAt, barrier]).toEqual([now, { prepared: 2, live: 2, milliseconds: 0, late: [], skew: 4 }]);
  expect(seen).toEqual([2_000, undefined]);
  expect(done).toContain("skew 4");
});

test("who is not ready in time is named, and the others are told to go on without it", async () => {
  live = [standing("a", 2, 3), standing("b", 2, 0)];
  const { barrier } = await handOutTogether(ports, acme, { barrier: true });
  expect(barrier).toEqual({ prepared: 1, live: 2, milliseconds: 0, late: ["b"] });
  expect(heads.get("acme")?.head.barrier).toBeUndefined();
});

test("a barrier that nobody released is lifted by the next round once its time is over", async () => {
  await handOut(ports, "acme", { thorough: false, barrier: 2_000 });
  rows = [{ ...row(3), publishedAt: 5 }];
  await reconcile(ports, { thorough: false });
  expect(heads.get("acme")?.head.barrier).toBe(2_000);
  now += 2_000;
  await reconcile(ports, { thorough: false });
  expect(heads.get("acme")?.head.barrier).toBeUndefined();
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
