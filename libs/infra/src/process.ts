import { type ChildProcess, spawn } from "node:child_process";
import { AegisError } from "@aegis/contracts/errors";

/** What a supervisor needs to start a program again. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program, not an addition to ours. Default: ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The user and group the program runs as; only root may name them. */
  readonly uid?: number;
  readonly gid?: number;
  /** The signal that ends it in good order. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  readonly command: Command;
  /** Resolves when the program ends, however it ends. */
  readonly exited: Promise<Exit>;
  /** Undefined while the program runs. */
  exit(): Exit | undefined;
  /** The end of what it wrote to stdout and stderr, at most 16 KB. */
  output(): string;
  /** Sends a signal to the program and all its children. */
  kill(signal: NodeJS.Signals): void;
  /** Ends the program and all its children: in good order, and after `graceMs` (default 10 s) by SIGKILL. */
  stop(graceMs?: number): Promise<Exit>;
}

export interface ProcessOptions {
  /** Given every chunk the program writes, besides what `output()` keeps. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Starts a program as the leader of a process group of its own, so that its children can be ended with it. Throws `unavailable` when it cannot be started. */
export async function startProcess(command: Command, options: ProcessOptions = {}): Promise<RunningProcess> {
  const child = spawn(command.command, command.args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: command.env === undefined ? process.env : { ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.uid === undefined ? {} : { uid: command.uid }),
    ...(command.gid === undefined ? {} : { gid: command.gid }),
  });
  const pid = await started(child, command);
  const output = keepOutput(child, options.onOutput);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  const kill = (signal: NodeJS.Signals) => killGroup(pid, signal);
  const stop = async (graceMs = 10_000) => {
    if (exit === undefined) {
      kill(command.stopSignal ?? "SIGTERM");
      const timer = setTimeout(() => kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    }
    // Children that outlived their leader.
    kill("SIGKILL");
    return exited;
  };
  return { pid, command, exited, exit: () => exit, output, kill, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/** Signals a whole process group; one that is gone is fine. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function started(child: ChildProcess, command: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid as number));
    child.once("error", (error) =>
      reject(new AegisError("unavailable", `${command.command} cannot be started: ${error.message}`, { cause: error })),
    );
  });
}

function keepOutput(child: ChildProcess, onOutput?: (chunk: Buffer) => void): () => string {
  let kept = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      kept = (kept + chunk.toString("utf8")).slice(-16_384);
      onOutput?.(chunk);
    });
  }
  return () => kept;
}
