import validator from "validator";
import { type Detector, digitsOf, hasContext, matches, type Span } from "./detector.ts";

const localPart = /[\p{L}\p{N}._%+'~!#-]/u;
const domainRun = /[\p{L}\p{N}.-]{1,255}/uy;
const label = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;
const topLabel = /^(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/iu;

export const email: Detector = {
  describes: "an e-mail address with a dotted domain, internationalised ones too (RFC 5322 dot-atom, RFC 6531)",
  certainty: 3,
  shortest: 6,
  needs: /@/,
  canonical: (value) => value.toLowerCase(),
  find({ text }) {
    const found: Span[] = [];
    for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
      const start = localStart(text, at);
      const end = domainEnd(text, at + 1);
      if (start < at && end > at) found.push({ start, end });
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

/** The end of the longest run after "@" that is a domain name; -1 when there is none. */
function domainEnd(text: string, from: number): number {
  domainRun.lastIndex = from;
  const labels = (domainRun.exec(text)?.[0] ?? "").split(".");
  while (labels.length > 0 && !topLabel.test((labels.at(-1) ?? "").replace(/-+$/, ""))) labels.pop();
  const last = labels.pop()?.replace(/-+$/, "");
  if (last === undefined || labels.length === 0 || !labels.every((one) => label.test(one))) return -1;
  return from + [...labels, last].join(".").length;
}

const phoneWords =
  /(?<!\p{L})(?:phone|tel|telephone|telefon|mobile|cell|cellphone|fax|call|calling|sms|whatsapp|reach|dial|ring|answering|handy|landline)(?!\p{L})/iu;
const phoneLabel = /^(?:x\d{1,6})?[ -]{0,2}(?:office|fax|mobile|cell|tel|home|work)(?!\p{L})/iu;
const internationalPhone = /(?<![\p{L}\d+])(?:\+|00)[ .-]?[1-9](?:[ .()/-]{0,2}\d){6,14}(?![\p{L}\d])/gu;
const northAmericanPhone = /(?<![\p{L}\d.-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}(?:x\d{1,6})?(?!\d|-\d)/gu;
const anyPhone = /(?<![\p{L}\d.,-])\(?\d(?:[ .()/-]{0,2}\d){6,14}(?:x\d{1,6})?(?!\d|-\d)/gu;
const isoDate = /^(?:19|20)\d{2}[-/.]\d{2}[-/.]\d{2}/;

export const phone: Detector = {
  describes:
    "a telephone number: international (+ or 00), North American grouping, or 7 to 15 digits beside a word such as phone, call, fax",
  certainty: 1,
  shortest: 7,
  needs: /\d/,
  find(subject) {
    const { text } = subject;
    const named = (match: string, at: number) =>
      !isoDate.test(match) &&
      (hasContext(subject, at, phoneWords, 40) || phoneLabel.test(text.slice(at + match.length, at + match.length + 16)));
    return [
      ...matches(internationalPhone, text, (match) => digitsOf(match).length <= 17),
      ...matches(northAmericanPhone, text),
      ...matches(anyPhone, text, named),
    ];
  },
};

const octet = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const ipv4 = new RegExp(`(?<![\\d.])${octet}(?:\\.${octet}){3}(?![\\d]|\\.\\d)`, "g");
const ipv6 = /(?<![\p{L}\p{N}:.])[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\p{L}\p{N}:])/gu;

export const ip: Detector = {
  describes: "an IPv4 address in dotted decimal or an IPv6 address (RFC 4291)",
  certainty: 2,
  shortest: 3,
  needs: /\d/,
  canonical: (value) => value.toLowerCase(),
  find: ({ text }) => [
    ...matches(ipv4, text),
    ...matches(ipv6, text, (match) => match.split(":").length > 2 && /[0-9]/.test(match) && validator.isIP(match, 6)),
  ],
};

const colonMac = /(?<![\p{L}\p{N}:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\p{L}\p{N}]|[:-][0-9A-Fa-f])/gu;
const dottedMac = /(?<![\p{L}\p{N}.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\p{L}\p{N}]|\.[0-9A-Fa-f])/gu;

export const mac: Detector = {
  describes: "an IEEE 802 MAC-48 address with colons, hyphens, or dots every four digits",
  certainty: 3,
  shortest: 14,
  needs: /[:.-]/,
  find: ({ text }) => [...matches(colonMac, text), ...matches(dottedMac, text, (match) => /[A-Fa-f]/.test(match))],
};
