/** One document's part of a file, as offsets: from its directives to the end of its last line. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a file at its document markers, so that what is wrong with one document leaves the others as they are.
 * A marker at the start of a line ends even an open quote or bracket (YAML 1.2, c-forbidden): no parse is needed to find it.
 * Stops after `most` parts.
 */
export function splitDocuments(text: string, start: number, most: number): Part[] {
  const parts: Part[] = [];
  const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;
  marker.lastIndex = start;
  let begin = start;
  let content = false;
  let scanned = start;
  for (let match = marker.exec(text); match !== null && parts.length < most; match = marker.exec(text)) {
    content ||= holdsContent(text, scanned, match.index);
    if (match[0] === "---") {
      if (content) {
        parts.push({ start: begin, end: match.index });
        begin = match.index;
      }
      content = true;
      scanned = match.index + 3;
    } else {
      const line = text.indexOf("\n", match.index);
      const end = line === -1 ? text.length : line + 1;
      if (content) parts.push({ start: begin, end });
      begin = end;
      scanned = end;
      content = false;
    }
  }
  if (parts.length < most && (content || holdsContent(text, scanned, text.length))) parts.push({ start: begin, end: text.length });
  return parts;
}

/** Whether there is a line that is neither blank nor a comment nor a directive. */
function holdsContent(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = text.indexOf("\n", at);
    const stop = next === -1 || next > end ? end : next;
    let first = at;
    while (first < stop && /[ \t\r]/.test(text[first]!)) first++;
    if (first < stop && text[first] !== "#" && !(first === at && text[first] === "%")) return true;
    at = stop + 1;
  }
  return false;
}
