/** What can be said of an RE2 expression without compiling it. */
export interface PatternShape {
  /** About how many instructions it compiles to, with its counted repeats unfolded. */
  readonly size: number;
  /** The lengths of what it can match, in code points; `most` is `Infinity` when there is none. */
  readonly least: number;
  readonly most: number;
  /** It can only match at the start, and at the end, of the text. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
  /** It holds an anchor somewhere. */
  readonly anchored: boolean;
  /** Alternatives stand side by side outside every group. */
  readonly alternatives: number;
}

/** Of one expression, and of all in a file together: what compiles within a few milliseconds, and within a few hundred. */
export const maxPatternSize = 5_000;
export const maxPatternsSize = 100_000;

/** About how many instructions an expression compiles to. */
export const patternSize = (text: string): number => patternShape(text)?.size ?? text.length;

interface Piece {
  size: number;
  least: number;
  most: number;
}

const zero: Piece = { size: 1, least: 0, most: 0 };
const one: Piece = { size: 1, least: 1, most: 1 };

/** Scans an expression once. Where it is not understood, or nests too deep, the answer is undefined: RE2 itself has the say. */
export function patternShape(text: string): PatternShape | undefined {
  const scanner = new Scanner(text);
  const whole = scanner.alternation(0);
  if (whole === undefined || !scanner.done) return undefined;
  const { alternatives, atStart, atEnd, anchored } = scanner;
  return { ...whole, alternatives, atStart, atEnd, anchored };
}

class Scanner {
  alternatives = 1;
  atStart = true;
  atEnd = true;
  anchored = false;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  alternation(depth: number): Piece | undefined {
    if (depth > 200) return undefined;
    let whole: Piece | undefined;
    for (;;) {
      const branch = this.#sequence(depth);
      if (branch === undefined) return undefined;
      whole =
        whole === undefined
          ? branch
          : { size: whole.size + branch.size + 1, least: Math.min(whole.least, branch.least), most: Math.max(whole.most, branch.most) };
      if (this.#text[this.#at] !== "|") return whole;
      this.#at++;
      if (depth === 0) this.alternatives++;
    }
  }

  #sequence(depth: number): Piece | undefined {
    const sum: Piece = { size: 0, least: 0, most: 0 };
    let [first, last] = ["", ""];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at]!)) {
      const start = this.#at;
      const atom = this.#atom(depth);
      if (atom === undefined) return undefined;
      const piece = this.#repeated(atom);
      last = this.#text.slice(start, this.#at);
      first ||= last;
      sum.size += piece.size;
      sum.least += piece.least;
      sum.most += piece.most;
    }
    if (depth === 0) {
      this.atStart &&= first === "^" || first === "\\A";
      this.atEnd &&= last === "$" || last === "\\z";
    }
    return sum;
  }

  #atom(depth: number): Piece | undefined {
    const character = this.#text[this.#at]!;
    if (character === "(") return this.#group(depth);
    if (character === "[") return this.#class();
    if (character === "\\") return this.#escape();
    this.#at += String.fromCodePoint(this.#text.codePointAt(this.#at)!).length;
    if (character !== "^" && character !== "$") return one;
    this.anchored = true;
    return zero;
  }

  #group(depth: number): Piece | undefined {
    const opening = /\((?:\?(?:P?<\w+>|[imsU-]*:))?/y;
    const flags = /\(\?[imsU-]+\)/y;
    flags.lastIndex = this.#at;
    const alone = flags.exec(this.#text);
    // Flags may change what ^ and $ mean.
    if (alone !== null) {
      this.#at += alone[0].length;
      return alone[0].includes("m") ? undefined : zero;
    }
    opening.lastIndex = this.#at;
    const opened = opening.exec(this.#text);
    if (opened === null || opened[0].includes("m:") || (this.#text[this.#at + 1] === "?" && opened[0] === "(")) return undefined;
    this.#at += opened[0].length;
    const inner = this.alternation(depth + 1);
    if (inner === undefined || this.#text[this.#at] !== ")") return undefined;
    this.#at++;
    return { ...inner, size: inner.size + 2 };
  }

  #class(): Piece | undefined {
    const set = /\[\^?\]?(?:\[:\^?\w+:\]|\\[pP](?:\{\^?\w+\}|\w)|\\x\{[\da-fA-F]+\}|\\.|[^\]\\])*\]/uy;
    set.lastIndex = this.#at;
    const found = set.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    // A Unicode category is hundreds of ranges.
    return /\\[pP]/.test(found[0]) ? { ...one, size: 8 } : one;
  }

  #escape(): Piece | undefined {
    const escaped = /\\(?:[pP](?:\{\^?\w+\}|\w)|x(?:\{[\da-fA-F]+\}|[\da-fA-F]{2})|[^Q])/suy;
    escaped.lastIndex = this.#at;
    const found = escaped.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    if (/^\\[Az]$/.test(found[0])) this.anchored = true;
    if (/^\\[AzbB]$/.test(found[0])) return zero;
    return /^\\[pP]/.test(found[0]) ? { ...one, size: 8 } : one;
  }

  #repeated(atom: Piece): Piece {
    let piece = atom;
    for (;;) {
      const repeat = /(?:[*+?]|\{(\d{1,6})(?:(,)(\d{0,6}))?\})\??/y;
      repeat.lastIndex = this.#at;
      const found = repeat.exec(this.#text);
      if (found === null) return piece;
      this.#at += found[0].length;
      const [sign, low, comma, high] = found;
      const { size, least, most } = piece;
      const unbounded = most === 0 ? 0 : Number.POSITIVE_INFINITY;
      if (sign.startsWith("*")) piece = { size: size + 1, least: 0, most: unbounded };
      else if (sign.startsWith("+")) piece = { size: size + 1, least, most: unbounded };
      else if (sign.startsWith("?")) piece = { size: size + 1, least: 0, most };
      else {
        const from = Number(low);
        const to = comma === undefined ? from : high === "" ? Number.POSITIVE_INFINITY : Number(high);
        const copies = Number.isFinite(to) ? to : from + 1;
        const longest = most === 0 || to === 0 ? 0 : most * to;
        piece = { size: size * Math.max(1, copies) + 1, least: least * from, most: longest };
      }
    }
  }
}
