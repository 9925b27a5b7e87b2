/**
 * Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front: names in reports come from
 * agents.
 */
export const csv = (rows: readonly (readonly (string | number)[])[]): string => rows.map((row) => row.map(cell).join(",")).join("\r\n");

function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
