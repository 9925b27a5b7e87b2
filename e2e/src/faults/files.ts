import { existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { SegmentFile, SpoolFiles } from "@aegis/spool/files";
import { type Fault, orders, type SpoolCall, strike } from "./orders.ts";

/** How much of a segment the disk really holds, beside it. */
const syncedMark = (path: string) => `${path}.synced`;

/** The spool's system calls on a disk that fails as ordered. */
export function wrap({ systemFiles: real }: { readonly systemFiles: SpoolFiles }): { readonly systemFiles: SpoolFiles } {
  return {
    systemFiles: {
      async create(directory, path) {
        hit("create");
        return new DrilledFile(await real.create(directory, path), path);
      },
      async list(directory) {
        hit("list");
        const names = await real.list(directory);
        if (orders().powerCut) for (const name of names) cutToSynced(join(directory, name));
        return names;
      },
      async size(path) {
        hit("size");
        return real.size(path);
      },
      async read(path) {
        hit("read");
        return real.read(path);
      },
      async truncate(path, length) {
        hit("truncate");
        await real.truncate(path, length);
      },
      async remove(path) {
        hit("remove");
        await real.remove(path);
        await rm(syncedMark(path), { force: true });
      },
      async syncDirectory(directory) {
        hit("syncDirectory");
        await real.syncDirectory(directory);
      },
    },
  };
}

class DrilledFile implements SegmentFile {
  readonly #real: SegmentFile;
  readonly #path: string;
  #written = 0;
  #synced = 0;

  constructor(real: SegmentFile, path: string) {
    this.#real = real;
    this.#path = path;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const fault: Fault | undefined = orders().full ? { id: "full", call: "write", code: "ENOSPC", times: 1 } : strike("write");
    if (fault !== undefined) {
      await this.#real.write(bytes.subarray(0, bytes.length >> 1));
      this.#written += bytes.length >> 1;
      fail(fault);
      return;
    }
    await this.#real.write(bytes);
    this.#written += bytes.length;
  }

  async sync(): Promise<void> {
    const { slowSyncMs, sabotage } = orders();
    if (sabotage === "no-sync") return;
    const fault = strike("sync");
    if (fault !== undefined) {
      // What the kernel does after a failed writeback: the dirty pages count as clean and are gone.
      truncateSync(this.#path, this.#synced);
      this.#written = this.#synced;
      fail(fault);
      return;
    }
    const held = this.#written;
    if (slowSyncMs !== undefined) await pause(slowSyncMs);
    await this.#real.sync();
    this.#synced = held;
    if (!orders().powerCut) return;
    // In one step: a mark that a kill left empty would cut the whole segment away, which no power cut does.
    const mark = syncedMark(this.#path);
    writeFileSync(`${mark}.next`, String(held));
    renameSync(`${mark}.next`, mark);
  }

  close(): Promise<void> {
    return this.#real.close();
  }
}

function hit(call: SpoolCall): void {
  const fault = strike(call);
  if (fault !== undefined) fail(fault);
}

/** Returns when the planted defect is to take errors for success. */
function fail({ call, code }: Fault): void {
  if (code === "KILL") process.kill(process.pid, "SIGKILL");
  if (orders().sabotage === "ignore-errors" && (call === "write" || call === "sync")) return;
  throw Object.assign(new Error(`${code}: planted, ${call}`), { code });
}

function cutToSynced(path: string): void {
  if (!/\.(segment|chained)$/.test(path)) return;
  const mark = syncedMark(path);
  truncateSync(path, existsSync(mark) ? Number(readFileSync(mark, "utf8")) : 0);
}
