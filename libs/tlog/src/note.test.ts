import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tlog/note.json" with { type: "json" };
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint, tenantKey } from "./checkpoint.ts";
import { formatVerifierKey, openNote, parseVerifierKey, signNote, verifierOf } from "./note.ts";

const signer = { name: "ledger.test", privateKey: generateKeyPairSync("ed25519").privateKey };

test.each(vectors.notes)("$name", ({ note, keys, expect: expected }) => {
  const opened = openNote(note, keys.map(parseVerifierKey));
  expect(opened.ok ? { ok: true, text: opened.text, by: opened.by.map((key) => key.name) } : opened).toEqual(expected);
});

test.each(vectors.keys)("vkey $vkey is taken only when well formed: $valid", ({ vkey, valid }) => {
  if (valid) expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
  else expect(() => parseVerifierKey(vkey)).toThrow(RangeError);
});

test("what is signed opens again, and no other text does", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ -~é—]*$/), { minLength: 1, maxLength: 5 }), fc.nat(), (lines, at) => {
      const text = `${lines.join("\n")}\n`;
      const note = signNote(text, signer);
      expect(openNote(note, [verifierOf(signer)])).toMatchObject({ ok: true, text });
      const position = at % text.length;
      const other = text[position] === "x" ? "y" : "x";
      const changed = note.slice(0, position) + other + note.slice(position + 1);
      expect(openNote(changed, [verifierOf(signer)]).ok).toBe(false);
    }),
  );
});

test("a checkpoint's text is exactly origin, size and root", () => {
  for (const { text, checkpoint } of vectors.checkpoints) {
    const parsed = parseCheckpoint(text);
    expect(parsed && { ...parsed, root: Buffer.from(parsed.root).toString("hex") }).toEqual(checkpoint ?? undefined);
    if (parsed !== undefined && text.split("\n").length === 4) expect(formatCheckpoint(parsed)).toBe(text);
  }
});

test("one tenant's checkpoint does not pass for another's", () => {
  const ledger = verifierOf(signer);
  const root = new Uint8Array(32);
  const note = signCheckpoint({ origin: "ledger.test/acme", size: 7, root }, signer.privateKey);
  expect(openCheckpoint(note, tenantKey(ledger, "acme"))).toMatchObject({ ok: true, checkpoint: { size: 7 } });
  expect(openCheckpoint(note, tenantKey(ledger, "globex"))).toEqual({ ok: false, why: "unsigned" });
  const misnamed = signNote(formatCheckpoint({ origin: "ledger.test/acme", size: 7, root }), { ...signer, name: "ledger.test/globex" });
  expect(openCheckpoint(misnamed, tenantKey(ledger, "globex"))).toEqual({ ok: false, why: "origin" });
});
