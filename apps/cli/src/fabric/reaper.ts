import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads its standard input until that ends, which it does when the supervisor is gone, however it went. What the file
 * then still lists is ended, group by group (dash's kill takes a group only after `-s NAME --`). A supervisor that stops in good order empties the file first.
 */
const script = `
cat >/dev/null
pids=$(cat "$1" 2>/dev/null) || exit 0
for pid in $pids; do kill -s TERM -- "-$pid" 2>/dev/null; done
for second in 1 2 3 4 5 6 7 8 9 10; do
  alive=
  for pid in $pids; do kill -s 0 -- "-$pid" 2>/dev/null && alive=yes; done
  [ -n "$alive" ] || exit 0
  sleep 1
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
`;

/** Watches over this process: should it be killed, its children are ended too. `pidsFile` lists their process groups. */
export function startReaper(pidsFile: string): ChildProcess {
  const reaper = spawn("/bin/sh", ["-c", script, "aegis-reaper", pidsFile], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  reaper.unref();
  (reaper.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return reaper;
}
