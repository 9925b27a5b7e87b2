import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publishedNames, readPolicyFiles, writePolicyFiles } from "./policy-files.ts";

test("a file inside the current directory is named from there, one outside by its base name", () => {
  expect(publishedNames(["policies/a.yaml", "/home/jo/work/b.yaml", "/etc/secret-place/c.yaml"], "/home/jo/work")).toEqual([
    "policies/a.yaml",
    "b.yaml",
    "c.yaml",
  ]);
});

test("two files of one base name stay apart, whatever the order", () => {
  expect(publishedNames(["/etc/x/a.yaml", "/etc/y/a.yaml", "../a.yaml", "a.yaml"], "/home/work")).toEqual([
    "x/a.yaml",
    "y/a.yaml",
    "home/a.yaml",
    "a.yaml",
  ]);
});

test("a revision's files are written as they were given, and none outside of the directory", async () => {
  const directory = await mkdtemp(join(tmpdir(), "files-"));
  const text = "\ufeffa: 1\r\nb: \u{1f600}";
  await writePolicyFiles(directory, [{ name: "teams/a.yaml", text }]);
  expect(await readPolicyFiles([join(directory, "teams/a.yaml")])).toEqual([{ name: join(directory, "teams/a.yaml"), text }]);
  for (const name of ["../out.yaml", "/tmp/out.yaml", "a/../../out.yaml", ".", ".."]) {
    await expect(
      writePolicyFiles(directory, [
        { name: "b.yaml", text },
        { name, text },
      ]),
      name,
    ).rejects.toThrow(/leads out of/);
  }
  await expect(readFile(join(directory, "b.yaml")), "all or nothing").rejects.toThrow(/ENOENT/);
});

test("a file that is not UTF-8 is refused, since it would not come back as it was", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "files-")), "latin.yaml");
  await writeFile(file, Buffer.from([0x61, 0xe9]));
  await expect(readPolicyFiles([file])).rejects.toThrow(/is not UTF-8 text/);
});

test("a directory with no policy file of its own is refused, beside others too: a set without it would be another set", async () => {
  const directory = await mkdtemp(join(tmpdir(), "files-"));
  await mkdir(join(directory, "teams"));
  await writeFile(join(directory, "a.yaml"), "a: 1");
  await expect(readPolicyFiles([join(directory, "a.yaml"), join(directory, "teams")])).rejects.toThrow(
    /no .yaml, .yml or .json file in .*teams/,
  );
});
