import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";

const chunk = 4 * 1024 * 1024;

/** Every way in which one of these texts may lie in a file: as it is, and within base64 at each of the three offsets. */
function spellings(text: string): { readonly text: string; readonly bytes: Buffer }[] {
  const plain = Buffer.from(text);
  const encoded = [0, 1, 2].map((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), plain]).toString("base64");
    // Characters that neighbours share bits with are not the text's alone.
    return whole.slice(offset === 0 ? 0 : offset + 1, -(4 - ((offset + plain.length) % 3) + 1));
  });
  return [plain, Buffer.from(plain.toString("hex")), ...encoded.map((one) => Buffer.from(one))].map((bytes) => ({ text, bytes }));
}

/** Files below `root` that hold one of the texts somewhere, as `file: text`: databases and their logs, streams, spools, whatever they are. */
export async function filesWith(root: string, texts: readonly string[]): Promise<string[]> {
  const wanted = texts.flatMap(spellings);
  const overlap = Math.max(...wanted.map(({ bytes }) => bytes.length));
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const hits = await textsIn(path, wanted, overlap).catch((error: NodeJS.ErrnoException) => {
      // What a running fabric removes meanwhile holds nothing.
      if (error.code === "ENOENT") return [];
      throw error;
    });
    found.push(...hits.map((text) => `${path.slice(root.length + 1)}: ${text}`));
  }
  return found;
}

async function textsIn(path: string, wanted: ReturnType<typeof spellings>, overlap: number): Promise<string[]> {
  await using file = await open(path);
  const hits = new Set<string>();
  const buffer = Buffer.alloc(chunk + overlap);
  let kept = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, kept, chunk);
    if (bytesRead === 0) return [...hits];
    const view = buffer.subarray(0, kept + bytesRead);
    for (const { text, bytes } of wanted) if (!hits.has(text) && view.includes(bytes)) hits.add(text);
    kept = Math.min(overlap, view.length);
    buffer.copyWithin(0, view.length - kept, view.length);
  }
}

/** Tables of any schema of which a row holds one of the texts, as `schema.table: text`: what a page holds compressed is read here. */
export async function tablesWith(superuserUrl: string, texts: readonly string[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      // A partitioned table shows what lies in its partitions; one that is detached is a table of its own.
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      for (const text of texts) {
        // Bytes read as hexadecimal digits.
        const spelled = [text, Buffer.from(text).toString("hex"), Buffer.from(text).toString("base64").slice(0, -4)];
        const { rowCount } = await client.query(
          `select from ${name} as t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 or strpos(t::text, $3) > 0 limit 1`,
          spelled,
        );
        if ((rowCount ?? 0) > 0) found.push(`${name}: ${text}`);
      }
    }
    return found;
  } finally {
    await client.end();
  }
}
