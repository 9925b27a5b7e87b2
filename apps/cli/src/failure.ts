import { AegisError } from "@aegis/contracts/errors";

/** What the process's exit status says: 1 refused or failed, 2 usage, 3 policy invalid, 4 policy tests failed, 5 verification failed. */
export const exit = { ok: 0, failed: 1, usage: 2, policyInvalid: 3, policyTests: 4, verification: 5 } as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** An end of the command that a person can act on: one sentence that says what is wrong and what to do. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: ExitCode;
  /** The service's error code, when a service refused. */
  readonly code: string | undefined;

  constructor(sentence: string, options: { exitCode?: ExitCode; code?: string; cause?: unknown } = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? exit.failed;
    this.code = options.code;
  }
}

/** A command line that cannot be meant: exit status 2. */
export const usage = (sentence: string): Failure => new Failure(sentence, { exitCode: exit.usage });

/** What the parser of the command line found wrong, as one sentence on one line. */
export function usageSentence({ code, message }: { code: string; message: string }): string {
  if (code === "commander.help") return "a command is missing: --help shows what there is";
  return message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
}

const bySystemCode: Readonly<Record<string, (error: NodeJS.ErrnoException) => string>> = {
  ENOSPC: (error) => `no space is left on the device${at(error)}: free some and try again`,
  EDQUOT: (error) => `the disk quota is used up${at(error)}: free some space and try again`,
  EACCES: (error) => `permission denied${at(error)}: check the owner and the mode`,
  EROFS: (error) => `the file system is read-only${at(error)}: name another directory with --data-dir`,
  ENOENT: (error) => `there is no file${at(error) || " of that name"}: check the path`,
  ENOTDIR: (error) => `a part of the path is a file, not a directory${at(error)}: name a directory with --data-dir`,
  EISDIR: (error) => `that is a directory, not a file${at(error)}: check the path`,
};

const at = (error: NodeJS.ErrnoException): string => (error.path ? ` (${error.path})` : "");

/** Turns anything thrown into a Failure with a readable sentence; the original stays as its cause. */
export function failureOf(caught: unknown): Failure {
  if (caught instanceof Failure) return caught;
  if (caught instanceof AegisError) return new Failure(caught.message, { code: caught.code, cause: caught });
  if (!(caught instanceof Error)) return new Failure(String(caught));
  const sentence = bySystemCode[(caught as NodeJS.ErrnoException).code ?? ""];
  if (sentence) return new Failure(sentence(caught), { cause: caught });
  return new Failure(`${caught.message || caught.name} (AEGIS_DEBUG=1 shows where)`, { cause: caught });
}
