import validator from "validator";
import { Kind } from "./characters.ts";
import { hasContext } from "./context.ts";
import { type Detector, gluedAfter, gluedBefore, matches, type Span, type Subject } from "./detector.ts";

const fourNumbers = /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/g;
const versionLabel =
  /(?<![A-Za-z])(?:version|ver|v|rv|release|rel|build|firmware|revision|rev|section|sec|chapter|clause|paragraph|kernel|oid|\u00a7)[\s.:=#/-]{0,3}$/i;
const hexRun = /[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}/y;
const hexDigit = /[0-9A-Fa-f]/;

export const ip: Detector = {
  describes: "an IPv4 address in dotted decimal, but no version number, or an IPv6 address in any text form of RFC 4291",
  certainty: 2,
  shortest: 3,
  needs: Kind.dot | Kind.colon,
  canonical: (value) => value.toLowerCase(),
  find: ({ text }) => [...ipv6In(text), ...matches(fourNumbers, text, (match, at) => isIpv4(text, match, at))],
};

function isIpv4(text: string, match: string, at: number): boolean {
  const before = text.charAt(at - 1);
  const after = text.slice(at + match.length, at + match.length + 2);
  if (/[A-Za-z0-9.]/.test(before) || /^(?:\d|\.\d)/.test(after)) return false;
  return validator.isIP(match, 4) && !versionLabel.test(text.slice(Math.max(0, at - 16), at));
}

/** Around each colon: an address has at least two. */
function ipv6In(text: string): Span[] {
  const found: Span[] = [];
  for (let colon = text.indexOf(":"); colon >= 0; ) {
    let start = colon;
    while (start > 0 && colon - start < 4 && hexDigit.test(text.charAt(start - 1))) start--;
    hexRun.lastIndex = start;
    const match = hexRun.exec(text)?.[0] ?? "";
    const end = start + match.length;
    const free = !gluedBefore(text, start) && !/[:.]/.test(text.charAt(start - 1)) && !gluedAfter(text, end) && text.charAt(end) !== ":";
    if (free && match.length > 2 && match.split(":").length > 2 && /\d/.test(match) && validator.isIP(match, 6)) found.push({ start, end });
    colon = text.indexOf(":", Math.max(colon + 1, end));
  }
  return found;
}

const macWords = { words: /(?<!\p{L})(?:mac|ethernet|hardware address|physical address|cisco|bssid|arp)(?!\p{L})/iu, before: 40 };
const separated = /[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}/y;
const dotted = /[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}/y;
const firstPair = /[:-][0-9A-Fa-f]{2}[:-]/g;
const middleFour = /\.[0-9A-Fa-f]{4}\./g;
/** All zeros and all ones are nobody's. */
const nobody = /^(?:0+|f+)$/i;

export const mac: Detector = {
  describes: "an IEEE 802 MAC-48 address with colons, hyphens, or dots every four digits; not all zeros and not the broadcast address",
  certainty: 3,
  shortest: 14,
  needs: Kind.colon | Kind.hyphen | Kind.dot,
  find: (subject) => [
    ...around(subject.text, firstPair, separated, 2),
    ...around(subject.text, middleFour, dotted, 4).filter(
      ({ start, end }) => /[A-Fa-f]/.test(subject.text.slice(start, end)) || namedMac(subject, start, end),
    ),
  ],
};

const namedMac = (subject: Subject, start: number, end: number) => hasContext(subject, start, end, macWords);

/** Where `hint` matches, `form` is tried that many characters before. */
function around(text: string, hint: RegExp, form: RegExp, back: number): Span[] {
  const found: Span[] = [];
  hint.lastIndex = 0;
  for (let match = hint.exec(text); match !== null; match = hint.exec(text)) {
    const start = match.index - back;
    form.lastIndex = Math.max(0, start);
    const whole = start < 0 ? null : form.exec(text);
    if (whole === null) {
      // Neighbouring hints share a separator.
      hint.lastIndex = match.index + 1;
      continue;
    }
    const end = start + whole[0].length;
    const open = /[:.-]/.test(text.charAt(start - 1)) || (/[:.-]/.test(text.charAt(end)) && hexDigit.test(text.charAt(end + 1)));
    if (!open && !gluedBefore(text, start) && !gluedAfter(text, end) && !nobody.test(whole[0].replace(/[:.-]/g, "")))
      found.push({ start, end });
    hint.lastIndex = end;
  }
  return found;
}
