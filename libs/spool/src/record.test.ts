import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRecord, encodeRecord, findRecord, headerBytes } from "./record.ts";

const epoch = Buffer.from("0123456789abcdef", "hex");

test("what was framed comes back: any body, any sequence a double can hold", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (body, sequence) => {
      const decoded = decodeRecord(encodeRecord(epoch, sequence, body), 0, epoch, true);
      expect(decoded).toMatchObject({ kind: "record", sequence, body: Buffer.from(body) });
    }),
  );
});

test("one flipped bit anywhere is noticed", () => {
  const record = encodeRecord(epoch, 7, Buffer.from("a decision"));
  for (let bit = 0; bit < record.length * 8; bit++) {
    const copy = Buffer.from(record);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeRecord(copy, 0, epoch, true).kind, `bit ${bit}`).toBe("damaged");
  }
});

test("a record cut anywhere is short while more may come and damaged when not", () => {
  const record = encodeRecord(epoch, 7, Buffer.from("a decision"));
  for (let length = 0; length < record.length; length++) {
    expect(decodeRecord(record.subarray(0, length), 0, epoch, false).kind).toBe("short");
    expect(decodeRecord(record.subarray(0, length), 0, epoch, true).kind).toBe("damaged");
  }
});

test("the next whole record is found behind any rubbish, even one that holds the epoch itself", () => {
  const record = encodeRecord(epoch, 9, Buffer.from("found"));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (rubbish, withEpoch) => {
      const before = Buffer.concat([rubbish, withEpoch ? epoch : Buffer.alloc(0), Buffer.alloc(headerBytes)]);
      expect(findRecord(Buffer.concat([before, record]), 0, epoch)).toBe(before.length);
    }),
  );
});
