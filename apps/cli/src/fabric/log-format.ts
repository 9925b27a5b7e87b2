const levels: Readonly<Record<number, string>> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };

/** Members that say nothing a reader of one line needs. */
const unsaid = new Set(["level", "time", "pid", "hostname", "name", "msg", "service", "instance", "v", "err"]);

/**
 * One line of a process's log for people: time, process, level, message, then what else it carries as `key=value`.
 * pino's JSON is understood; any other line is shown as it is.
 */
export function readable(process: string, line: string): string {
  const entry = parse(line);
  if (!entry) return `${" ".repeat(12)} ${process.padEnd(16)} ${line}`;
  const time =
    typeof entry.time === "number" || typeof entry.time === "string" ? new Date(entry.time).toISOString().slice(11, 23) : " ".repeat(12);
  const level = levelOf(entry);
  const error = entry.err as { message?: unknown } | undefined;
  const rest = Object.entries(entry)
    .filter(([key]) => !unsaid.has(key))
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [
    time,
    process.padEnd(16),
    level.padEnd(5),
    String(entry.msg ?? ""),
    ...rest,
    ...(error?.message ? [`error=${error.message}`] : []),
  ]
    .join(" ")
    .trimEnd();
}

/** The level's name; pino writes it as a number unless told otherwise. */
function levelOf({ level }: Record<string, unknown>): string {
  return typeof level === "number" ? (levels[level] ?? String(level)) : String(level ?? "info");
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The last thing a log says went wrong, for a sentence; undefined when it says nothing of the kind. */
export function lastComplaint(log: string): string | undefined {
  const lines = log.trimEnd().split("\n").slice(-50).reverse();
  for (const line of lines) {
    const entry = parse(line);
    if (entry && ["error", "fatal"].includes(levelOf(entry))) {
      const error = entry.err as { message?: unknown } | undefined;
      return [...new Set([entry.msg, error?.message])].filter((part) => typeof part === "string" && part !== "").join(": ");
    }
    if (!entry && /error|fatal|cannot|failed|invalid/i.test(line)) return line.trim();
  }
  return lines.find((line) => line.trim() !== "" && !line.startsWith("{"))?.trim();
}

/** What NATS and PostgreSQL say when all is well: in their files, not on the terminal. */
export const isChatter = (process: string, line: string): boolean =>
  (process === "nats" && /\[(INF|DBG|TRC)\]/.test(line)) || (process === "postgres" && /\b(LOG|DETAIL|HINT|STATEMENT): /.test(line));
