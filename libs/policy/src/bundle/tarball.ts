import { gunzipSync, gzipSync } from "node:zlib";
import { AegisError } from "@aegis/contracts/errors";
import tar from "tar-stream";

/** File names without a leading slash, to contents. */
export type Files = ReadonlyMap<string, Uint8Array>;

const maxPackedBytes = 16 * 1024 * 1024;
const maxUnpackedBytes = 64 * 1024 * 1024;
const maxFiles = 16;

/** A gzip tarball, the same for the same files: sorted, with no times, owners or modes of the machine. */
export async function packFiles(files: Files): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const name of [...files.keys()].sort()) {
    pack.entry({ name, mtime: new Date(0), mode: 0o644, uid: 0, gid: 0, type: "file" }, Buffer.from(files.get(name)!));
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks), { level: 9 });
}

/**
 * The regular files of a gzip tarball.
 *
 * @throws AegisError `unprocessable` for what is not one, is larger than a bundle may be, or holds links, repeats or odd names.
 */
export async function unpackFiles(tarball: Uint8Array): Promise<Files> {
  if (tarball.byteLength > maxPackedBytes) refuse("it is over 16 MiB");
  const unpacked = gunzip(tarball);
  const extract = tar.extract();
  extract.end(unpacked);
  const files = new Map<string, Uint8Array>();
  try {
    for await (const entry of extract) {
      const { name, type } = entry.header;
      if (type !== "file") refuse("it holds something other than files");
      if (!/^(?:[A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]+$/.test(name) || name.split("/").includes("..")) refuse("it holds a file of an odd name");
      if (files.has(name)) refuse(`it holds ${name} twice`);
      if (files.size === maxFiles) refuse(`it holds over ${maxFiles} files`);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      files.set(name, Buffer.concat(chunks));
    }
  } catch (caught) {
    if (caught instanceof AegisError) throw caught;
    refuse("it is no tar archive", caught);
  }
  return files;
}

function gunzip(tarball: Uint8Array): Buffer {
  try {
    return gunzipSync(tarball, { maxOutputLength: maxUnpackedBytes });
  } catch (caught) {
    return refuse("it is no gzip stream, or unpacks to over 64 MiB", caught);
  }
}

function refuse(why: string, cause?: unknown): never {
  throw new AegisError("unprocessable", `the bundle is refused: ${why}`, { cause });
}
