import { expect, test } from "vitest";
import { sourceDigestOf, stateOf } from "./revision.ts";

test("the same set is recognised; another name, text or order is another set", () => {
  const a = { name: "a.yaml", text: "1" };
  const b = { name: "b.yaml", text: "2" };
  const digest = sourceDigestOf([a, b]);
  expect(sourceDigestOf([{ ...a }, { ...b }])).toBe(digest);
  for (const other of [[b, a], [a], [{ ...a, name: "c.yaml" }, b], [{ ...a, text: "2" }, b]])
    expect(sourceDigestOf(other)).not.toBe(digest);
});

test("a revision that was never handed out is pending as the head and superseded after", () => {
  const revision = {
    tenant: "acme",
    revision: 3,
    version: "3-x",
    digest: "sha256:0",
    sourceDigest: "sha256:1",
    author: "alice",
    message: "",
    createdAt: 0,
  } as const;
  expect(stateOf(revision, 3)).toBe("pending");
  expect(stateOf(revision, 4)).toBe("superseded");
  expect(stateOf({ ...revision, publishedAt: 1 }, 4)).toBe("published");
});
