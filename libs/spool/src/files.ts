import { type FileHandle, open, readdir, stat, truncate, unlink } from "node:fs/promises";

/** An open segment, written at its end only. */
export interface SegmentFile {
  /** Writes all of it, however many system calls that takes. */
  write(bytes: Uint8Array): Promise<void>;
  /** fdatasync(2). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The system calls a spool makes; tests put faults between. */
export interface SpoolFiles {
  /** O_EXCL | O_APPEND: never an existing file. The name is durable when this resolves. */
  create(directory: string, path: string): Promise<SegmentFile>;
  list(directory: string): Promise<string[]>;
  size(path: string): Promise<number>;
  read(path: string): Promise<FileHandle>;
  truncate(path: string, length: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations and deletions in a directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

export const systemFiles: SpoolFiles = {
  async create(directory, path) {
    const handle = await open(path, "ax", 0o600);
    await systemFiles.syncDirectory(directory);
    return {
      async write(bytes) {
        for (let done = 0; done < bytes.byteLength; ) done += (await handle.write(bytes, done)).bytesWritten;
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },
  list: (directory) => readdir(directory),
  size: async (path) => (await stat(path)).size,
  read: (path) => open(path, "r"),
  async truncate(path, length) {
    await truncate(path, length);
    const handle = await open(path, "r+");
    await handle.datasync().finally(() => handle.close());
  },
  remove: (path) => unlink(path),
  async syncDirectory(directory) {
    const handle = await open(directory, "r");
    await handle.sync().finally(() => handle.close());
  },
};
