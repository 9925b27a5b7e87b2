import { expect, test } from "vitest";
import { headOf, judgeHead } from "./head.ts";

const now = Date.UTC(2026, 0, 1);
const lifetime = 3_600;
const revision = { tenant: "acme", revision: 7, version: "7-0123456789ab", digest: `sha256:${"0".repeat(64)}` as const };
const tarball = `sha256:${"2".repeat(64)}` as const;
const head = headOf(revision, now, { lifetime, tarball });

test("a head names the bundle's object and lives as long as told", () => {
  expect(head).toMatchObject({ object: `acme/7-${"0".repeat(64)}`, issued: now / 1_000, expires: now / 1_000 + 3_600 });
});

test("a head is written when missing, older, of other content, or past half its life; else it is kept", () => {
  expect(judgeHead(undefined, revision, now, lifetime)).toBe("write");
  expect(judgeHead({ ...head, revision: 6 }, revision, now, lifetime)).toBe("write");
  expect(judgeHead({ ...head, digest: `sha256:${"1".repeat(64)}` }, revision, now, lifetime)).toBe("write");
  expect(judgeHead(head, revision, now + 1_801_000, lifetime)).toBe("write");
  expect(judgeHead(head, revision, now + 1_799_000, lifetime)).toBe("keep");
});

test("a newer head than the one known here is never overwritten", () => {
  expect(judgeHead({ ...head, revision: 8 }, revision, now + 10_000_000, lifetime)).toBe("ahead");
});

test("a head over another tarball is written; one behind a barrier only when the barrier's time is over", () => {
  expect(judgeHead(head, { ...revision, tarball }, now, lifetime)).toBe("keep");
  expect(judgeHead(head, { ...revision, tarball: `sha256:${"3".repeat(64)}` }, now, lifetime)).toBe("write");
  const behind = headOf(revision, now, { lifetime, tarball, barrier: 2_000 });
  expect(judgeHead(behind, revision, now + 1_999, lifetime)).toBe("keep");
  expect(judgeHead(behind, revision, now + 2_000, lifetime)).toBe("write");
});
