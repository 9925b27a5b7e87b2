import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";
import type { NewId } from "#usecases/ports.ts";

const bytesPerId = 16;
const poolBytes = 256 * bytesPerId;

/**
 * UUIDv7 that grow from one to the next within this process. Random bytes are drawn for many ids at a time, because each draw costs more
 * than the rest of an id.
 */
export function ids(now: () => number = Date.now): NewId {
  const pool = new Uint8Array(poolBytes);
  let used = poolBytes;
  let msecs = 0;
  let seq = 0;
  return () => {
    if (used === poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    const random = pool.subarray(used, used + bytesPerId);
    used += bytesPerId;
    const time = now();
    if (time > msecs) {
      msecs = time;
      // RFC 9562 §6.2, method 1: the counter starts at random, with room above.
      seq = (random[0]! << 22) | (random[1]! << 14) | (random[2]! << 6);
    } else if (seq === maxSeq) {
      msecs += 1;
      seq = 0;
    } else seq += 1;
    return v7({ random, msecs, seq });
  };
}

/** The counter's bits that `uuid` writes. */
const maxSeq = 0x7fffffff;
