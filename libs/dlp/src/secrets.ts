import { entropy } from "./checksums.ts";
import { captures, type Detector, matches, type Span, type Subject } from "./detector.ts";

/** Tokens whose issuer gave them a form of their own. */
const knownForms: readonly RegExp[] = [
  /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,255}/g,
  /(?<![A-Za-z0-9])github_pat_\w{22,255}/g,
  /(?<![A-Za-z0-9])gl(?:pat|ptt|dt|rt)-[\w-]{20,64}/g,
  /(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,255}/g,
  /(?<![A-Za-z0-9])(?:sk|rk|whsec)_(?:(?:live|test|prod)_)?[A-Za-z0-9]{16,255}/g,
  /(?<![A-Za-z0-9])sk-(?:[a-z0-9]{2,12}-){0,3}[A-Za-z0-9_-]{20,255}/g,
  /(?<![A-Za-z0-9])AIza[\w-]{35}(?![\w-])/g,
  /(?<![A-Za-z0-9])ya29\.[\w-]{20,512}/g,
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])pypi-[\w-]{50,512}/g,
  /(?<![A-Za-z0-9])SG\.[\w-]{16,32}\.[\w-]{16,64}/g,
  /(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,64}/g,
  /(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{64}/g,
  /(?<![A-Za-z0-9])dapi[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])hvs\.[\w-]{24,255}/g,
  /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[0-9A-Z]{58}/g,
  /(?<![\w.-])eyJ[\w-]{8,4096}\.[\w-]{8,16384}\.[\w-]{0,4096}/g,
];

/** How the known forms begin. */
const knownStart =
  /A(?:KI|SI|BI|CC)A|gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt)-|xox|[sr]k_|whsec_|sk-|AIza|ya29|npm_|pypi-|SG\.|SK[0-9a-f]|AC[0-9a-f]|hf_|do[opr]_v1|dapi|hvs\.|AGE-|eyJ|-----BEGIN/;
const secretWord = /pass|pwd|secret|credential|token|key|bearer|basic|authorization/i;
const secretName =
  "(?:pass(?:word|wd|phrase)|pwd|secret|credential|token|api[_ -]?key|access[_ -]?key|private[_ -]?key|client[_ -]?secret|auth[_ -]?key|bearer|authorization)";
const assignment = new RegExp(
  `${secretName}s?["']?(?: is|\\s{0,3}[:=]{1,2}>?)\\s{0,3}["']?(?:bearer |basic )?([^\\s"'<>,;&]{8,512})`,
  "gid",
);
const bearer = /(?<![A-Za-z0-9])(?:bearer|basic) ([A-Za-z0-9._~+/=-]{16,4096})/dgi;
const secretMember = new RegExp(`(?<![a-z])${secretName}s?(?![a-z])`, "i");

export const secret: Detector = {
  describes:
    "keys and tokens in their issuers' forms (AWS, GitHub, GitLab, Slack, Stripe, OpenAI, Google and others), JWTs, private keys, and random-looking values assigned to words such as password, token, api key",
  certainty: 3,
  shortest: 8,
  needs: /./s,
  canonical: (value) => value,
  find(subject) {
    const { text } = subject;
    const found = knownStart.test(text) ? [...knownForms.flatMap((pattern) => matches(pattern, text)), ...privateKeys(text)] : [];
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
    from = keyEnd.exec(text) === null ? text.length : keyEnd.lastIndex;
    found.push({ start: match.index, end: from });
  }
  return found;
}

/** The whole text, when its member is called "password" or the like and it is one word. */
function namedBySecret({ text, memberName }: Subject): Span[] {
  if (memberName === "" || text.length > 4_096 || /\s/.test(text) || !secretWord.test(memberName)) return [];
  const name = memberName.slice(0, 200).replace(/([a-z])([A-Z])/g, "$1 $2");
  return secretMember.test(name) && looksRandom(text) ? [{ start: 0, end: text.length }] : [];
}

/** Words are of one kind of character and repeat letters; secrets mix kinds. A placeholder such as `${TOKEN}` is no secret. */
function looksRandom(value: string): boolean {
  if (/^[$<{[]/.test(value)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length;
  return (kinds >= 2 && /[\d\W]/.test(value) && entropy(value) >= 2.5) || (value.length >= 20 && entropy(value) >= 3.5);
}

const userinfo = /:\/\/([^\s/?#@:]{0,128}:[^\s/?#]{1,256})@/dg;

export const urlCredentials: Detector = {
  describes: "the user and password in a URL (RFC 3986 userinfo with a colon)",
  certainty: 3,
  shortest: 5,
  needs: /:\/\//,
  canonical: (value) => value,
  find({ text }) {
    return captures(userinfo, text);
  },
};
