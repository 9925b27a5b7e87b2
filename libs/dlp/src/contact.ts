import { Kind } from "./characters.ts";
import type { Detector, Span } from "./detector.ts";

const localPart = /[\p{L}\p{N}._%+'~!#-]/u;
const domainRun = /[\p{L}\p{N}.-]{1,255}/uy;
const label = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;
const topLabel = /^(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/iu;

export const email: Detector = {
  describes: "an e-mail address with a dotted domain, internationalised ones too (RFC 5322 dot-atom, RFC 6531)",
  certainty: 3,
  shortest: 6,
  needs: Kind.at,
  canonical: (value) => value.toLowerCase(),
  find({ text }) {
    const found: Span[] = [];
    for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
      const start = localStart(text, at);
      if (start === at || isUserOfUrl(text, start)) continue;
      const end = domainEnd(text, at + 1);
      if (end > at && !isRepository(text, start, at, end)) found.push({ start, end });
    }
    return found;
  },
};

function localStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && at - start < 64 && localPart.test(characterBefore(text, start))) start -= characterBefore(text, start).length;
  while (start < at && /[.%'!#-]/.test(text.charAt(start))) start++;
  return start;
}

function characterBefore(text: string, index: number): string {
  const low = text.charCodeAt(index - 1);
  return low >= 0xdc00 && low <= 0xdfff ? text.slice(Math.max(0, index - 2), index) : text.charAt(index - 1);
}

/** "https://user@host" and "https://user:password@host": what stands before "@" is no mailbox. */
function isUserOfUrl(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 160), start);
  return /:\/\/[^\s/?#@]{0,150}$/.test(before);
}

/** "git@host:owner/name" is where a repository is. */
const isRepository = (text: string, start: number, at: number, end: number) =>
  at - start === 3 && text.startsWith("git@", start) && text.charAt(end) === ":";

/** The end of the longest run after "@" that is a domain name; -1 when there is none. */
function domainEnd(text: string, from: number): number {
  domainRun.lastIndex = from;
  const labels = (domainRun.exec(text)?.[0] ?? "").split(".");
  while (labels.length > 0 && !topLabel.test((labels.at(-1) ?? "").replace(/-+$/, ""))) labels.pop();
  const last = labels.pop()?.replace(/-+$/, "");
  if (last === undefined || labels.length === 0 || !labels.every((one) => label.test(one))) return -1;
  return from + [...labels, last].join(".").length;
}
