import { type Fault, faultCodes, formatFault, sortFaults, type Warning, warningCodes } from "@aegis/policy/fault";
import type { Output } from "./output.ts";

/** What a check of policy files found. */
export interface Findings {
  /** Names of the files that were read, in order. */
  readonly files: readonly string[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly Warning[];
}

/** `file:line:column code message — hint`, sorted, and a line that counts. */
export function forPeople({ files, faults, warnings }: Findings, output: Pick<Output, "style">): string {
  const warned = new Set<Fault<string>>(warnings);
  const lines = sortFaults<string>([...faults, ...warnings], files).map((fault) => {
    const { file, line, column, code } = fault;
    const place = `${file}:${line}:${column}`;
    const rest = formatFault(fault).slice(place.length + 1 + code.length);
    const name = warned.has(fault) ? output.style("yellow", `warning ${code}`) : output.style("red", code);
    return `${output.style("bold", place)} ${name}${rest}`;
  });
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  const read = counted(files.length, "file");
  const told = [
    ...(faults.length > 0 ? [counted(faults.length, "fault")] : []),
    ...(warnings.length > 0 ? [counted(warnings.length, "warning")] : []),
  ];
  const summary =
    faults.length > 0
      ? `${told.join(" and ")} in ${read}`
      : [`${read} ${files.length === 1 ? "is" : "are"} valid`, ...told].join(", with ");
  return [...lines, summary].join("\n");
}

/** What GitHub Actions shows beside the lines of a pull request. */
export function forGitHub({ files, faults, warnings }: Findings): string {
  const warned = new Set<Fault<string>>(warnings);
  const data = (text: string) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string) => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  return sortFaults<string>([...faults, ...warnings], files)
    .map((fault) => {
      const { file, line, column, code } = fault;
      const level = warned.has(fault) ? "warning" : "error";
      return `::${level} file=${property(file)},line=${line},col=${column},title=${property(code)}::${data(said(fault))}`;
    })
    .join("\n");
}

/** A SARIF 2.1.0 log, which code scanning reads. */
export function sarif({ files, faults, warnings }: Findings): object {
  const warned = new Set<Fault<string>>(warnings);
  const found = sortFaults<string>([...faults, ...warnings], files);
  const used = new Set(found.map(({ code }) => code));
  const rules = Object.entries({ ...faultCodes, ...warningCodes })
    .filter(([code]) => used.has(code))
    .map(([id, text]) => ({ id, shortDescription: { text } }));
  const results = found.map((fault) => ({
    ruleId: fault.code,
    ruleIndex: rules.findIndex(({ id }) => id === fault.code),
    level: warned.has(fault) ? "warning" : "error",
    message: { text: said(fault) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: fault.file.split("/").map(encodeURIComponent).join("/") },
          region: { startLine: fault.line, startColumn: fault.column },
        },
      },
    ],
  }));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{ tool: { driver: { name: "aegis policy validate", rules } }, columnKind: "utf16CodeUnits", results }],
  };
}

const said = ({ message, hint }: Fault<string>): string => (hint === "" ? message : `${message} — ${hint}`);
