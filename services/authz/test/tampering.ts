import { gunzipSync, gzipSync } from "node:zlib";

const block = 512;

interface Entry {
  readonly name: string;
  /** Of the header. */
  readonly at: number;
  readonly size: number;
}

function entriesOf(tar: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const text = (from: number, length: number) => tar.toString("latin1", at + from, at + from + length).replace(/[\0 ].*$/s, "");
    const size = Number.parseInt(text(124, 12), 8);
    entries.push({ name: text(0, 100), at, size });
    at += block + Math.ceil(size / block) * block;
  }
  return entries;
}

const entryOf = (tar: Buffer, name: string): Entry => {
  const found = entriesOf(tar).find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};

/** A bundle with one bit of a file's content turned over. */
export function flipIn(tarball: Uint8Array, name: string): Buffer {
  const tar = gunzipSync(tarball);
  const { at, size } = entryOf(tar, name);
  tar[at + block + (size >> 1)]! ^= 1;
  return gzipSync(tar);
}

/** A bundle with one bit of the packed bytes turned over; a negative place counts from the end. */
export function flipAt(tarball: Uint8Array, place: number): Buffer {
  const bytes = Buffer.from(tarball);
  bytes[place < 0 ? bytes.length + place : place]! ^= 1;
  return bytes;
}

export function without(tarball: Uint8Array, name: string): Buffer {
  const tar = gunzipSync(tarball);
  const { at, size } = entryOf(tar, name);
  return gzipSync(Buffer.concat([tar.subarray(0, at), tar.subarray(at + block + Math.ceil(size / block) * block)]));
}

/** A bundle with one more file, in the place of one of that name. */
export function withFile(tarball: Uint8Array, name: string, content: string): Buffer {
  const names = entriesOf(gunzipSync(tarball)).map((entry) => entry.name);
  const tar = gunzipSync(names.includes(name) ? without(tarball, name) : tarball);
  const header = Buffer.from(tar.subarray(0, block));
  header.fill(0, 0, 100).write(name, "latin1");
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const body = Buffer.alloc(Math.ceil(content.length / block) * block);
  body.write(content, "latin1");
  return gzipSync(Buffer.concat([header, body, tar]));
}

export function contentOf(tarball: Uint8Array, name: string): string {
  const tar = gunzipSync(tarball);
  const { at, size } = entryOf(tar, name);
  return tar.toString("utf8", at + block, at + block + size);
}

/** Small, and 80 MiB when unpacked. */
export const bomb = (): Buffer => gzipSync(Buffer.alloc(80 * 1024 * 1024));
