import { Kind } from "./characters.ts";
import { entropy } from "./checksums.ts";
import { spelledOut } from "./context.ts";
import { captures, type Detector, matches, type Span, type Subject } from "./detector.ts";
import { issuedSecret, longerForms } from "./issued-secrets.ts";

const secretWord = /pass|pwd|secret|credential|token|key|bearer|basic|auth/i;
/** Not what is handed out with a page, or to everybody. */
const notPublic = "(?<!(?:csrf|xsrf|authenticity|public|publishable)[_ .-]?)";
const secretName =
  "(?:pass(?:word|wd|phrase|code|(?![a-z]))|pwd|secret|credential|token|api[_ .-]?key|access[_ .-]?key|private[_ .-]?key|secret[_ .-]?key|account[_ .-]?key|signing[_ .-]?key|encryption[_ .-]?key|client[_ -]?secret|auth(?:[_ .-]?key|(?![a-z]))|bearer|authorization)";
/** Between the name and "=": "AWS_SECRET_ACCESS_KEY", "secretKeyBase"; not what is about a secret: "token_length", "credentialsId". */
const rest =
  "[A-Za-z_.-]{0,36}(?=[\"'\\]`\\s:=,>])(?<!ids?|names?|ur[li]|length|source|results?|type|file|path|count|limit|size|expiry|expires|ttl|status|method|provider|policy|reset|field|header|hint|label|stores?|tostoresecrets|author)";
/** As languages write it: "=", ":", ":=", "::=", "?=", ".=", "===", "=>", ", ", " is ", a type before it, or the end of a tag. */
const becomes = "(?: is|[\"'] value=|>\\s{0,24}|(?:[ :]{1,3}(?:string|str))?\\s{0,3}(?:[?.+|!]?[:=]{1,4}|,)>?)";
const assignment = new RegExp(
  `${notPublic}${secretName}s?${rest}["'\\]\`]{0,3}${becomes}\\s{0,3}(?:["'\`]|new )?(?:bearer |basic |token )?([^\\s"'<>,;&\`]{8,512})`,
  "gid",
);
const bearer = /(?<![A-Za-z0-9])(?:bearer|basic|token) ([A-Za-z0-9._~+/=-]{16,4096})/dgi;
const secretMember = new RegExp(`(?<![a-z])${notPublic}${secretName}s?(?![a-z])`, "i");

export const secret: Detector = {
  describes:
    "keys and tokens in their issuers' forms (AWS, Google, GitHub, GitLab, Slack, Stripe, OpenAI and others), JWTs, private keys, and random-looking values assigned to words such as password, token, api key",
  certainty: 3,
  shortest: 8,
  needs: Kind.any,
  canonical: (value) => value,
  maskShowsEnd: false,
  find(subject) {
    const { text, longRuns } = subject;
    const found: Span[] = [];
    for (const { start, end } of longRuns) {
      // Behind a "+" it is a part of some longer base64.
      for (const one of matches(issuedSecret, text.slice(start, end), isIssued))
        if (one.start > 0 || text[start - 1] !== "+") found.push({ start: start + one.start, end: start + one.end });
    }
    if (text.includes("-----BEGIN")) found.push(...privateKeys(text));
    for (const { hint, pattern } of longerForms) if (text.includes(hint)) found.push(...captures(pattern, text, isFilledIn));
    if (secretWord.test(text)) found.push(...captures(assignment, text, looksRandom), ...captures(bearer, text, looksRandom));
    return [...found, ...namedBySecret(subject)];
  },
};

const keyStart = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const keyEnd = /-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;

/** From BEGIN to END; to the end of the text when END is missing, since a cut key still leaks. */
function privateKeys(text: string): Span[] {
  const found: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(keyStart)) {
    if (match.index < from) continue;
    keyEnd.lastIndex = match.index;
    const end = keyEnd.exec(text);
    from = end === null ? text.length : keyEnd.lastIndex;
    // The lines alone, as documentation shows them, hold no key.
    if ((end?.index ?? text.length) - match.index - match[0].length >= 24) found.push({ start: match.index, end: from });
  }
  return found;
}

/** The whole text, when its member is called "password" or the like and it is one word. */
function namedBySecret({ text, memberName }: Subject): Span[] {
  if (memberName === "" || text.length > 4_096 || /\s/.test(text) || !secretWord.test(memberName)) return [];
  return secretMember.test(spelledOut(memberName)) && looksRandom(text) ? [{ start: 0, end: text.length }] : [];
}

/** Names of things, addresses, calls and places to fill in: what stands behind "=" in code and documentation. */
const notASecret =
  /^[$<{[(%]|^\*+$|^(?:https?|file):\/\/|^\.{0,2}\/[\w./-]+$|\(\)?$|\w\(|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,6}$|^[^@\s]+@[\w-]+(?:\.[\w-]+)+$|^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,6}(?::\d{1,5})?$|(?:^|[_.-])(?:example|changeme|placeholder|your|xxxx+|redacted|todo)(?:$|[_.-])/i;

/** Words with a version, names of settings, and what stands for a secret in documentation: cut, repeated, or counted up. */
const stands =
  /^[a-z]+(?:-[a-z]+)*-\d+(?:\.\d+)+$|^[a-z]+(?:[_.][a-z]+)+=(?:[a-z]+(?:[_.][a-z]+)*)?$|^[a-z]{2,8}=[a-z_]+$|\.{2,}(?:$|\[)|…$|[x#*]{8}|(?:example){2}|abcdefghijkl|(?:token|string|key|secret|password|value)here$/i;

/** Not "ghp_xxxx…" and not the name of a thing that begins alike; only Hugging Face's tokens may have no digit. */
const isIssued = (value: string) =>
  (/\d/.test(value) || /^(?:hf|api_org|sm_[aps]at)_/.test(value)) && entropy(value.slice(0, 512)) >= 3 && !stands.test(value.slice(0, 512));

/** A user and password as examples write them ("user:pass", "$USER:$PASSWORD") are none. */
function isFilledIn(value: string): boolean {
  if (stands.test(value)) return false;
  const [, user, password] = /^([^:]*):["']?([^:]*)$/.exec(value) ?? [];
  return password === undefined || looksRandom(password === "" ? (user ?? "") : password);
}

/** Words are of one kind of character and repeat letters; secrets mix kinds. A placeholder such as `${TOKEN}` is no secret. */
function looksRandom(value: string): boolean {
  if (notASecret.test(value) || stands.test(value)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9_.-]/].filter((kind) => kind.test(value)).length;
  if (kinds >= 2 && /[\d\W]/.test(value)) return entropy(value) >= 2.5;
  // Words joined by hyphens are a name.
  return value.length >= 20 && /^[A-Za-z0-9+/=]+$/.test(value) && entropy(value) >= 3.5;
}

const userinfo = /:\/\/([^\s/?#@:]{0,128}:[^\s/?#]{1,256})@/dg;

/** A URL that begins behind an apostrophe ends at the next one. */
const isQuoted = /'[a-z][a-z0-9+.-]{0,20}:\/\/$/i;

export const urlCredentials: Detector = {
  describes: "the user and password in a URL (RFC 3986 userinfo with a colon)",
  certainty: 3,
  shortest: 5,
  needs: Kind.at,
  canonical: (value) => value,
  maskShowsEnd: false,
  find({ text }) {
    if (!text.includes("://")) return [];
    const found = captures(userinfo, text, (value) => !/["`]|^[^:]*:(?:\$\{|<|\{\{|\*+$|%s)/.test(value));
    return found.filter(
      ({ start, end }) => !(isQuoted.test(text.slice(Math.max(0, start - 24), start)) && text.slice(start, end).includes("'")),
    );
  },
};
