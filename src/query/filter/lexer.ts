// Text of a filter → tokens, in one pass that looks at each character a bounded number of times.
// Knows words, quotes and signs; what they mean together is the parser's business.

import { filterError, type Offset } from "./filter-error.ts";

export type TokenKind = "word" | "string" | "operator" | "." | "(" | ")" | "," | "-" | "end";

/** A piece of a filter. */
export interface Token {
  readonly kind: TokenKind;
  /** Without quotes and escapes. */
  readonly text: string;
  /** `text` split at each `*` that was not escaped. */
  readonly pieces: readonly string[];
  readonly start: Offset;
  readonly end: Offset;
  /** True if white space or the beginning is before it. */
  readonly spaced: boolean;
}

const OPERATORS = ["<=", ">=", "!=", "=", "<", ">", ":"] as const;
const SIGNS = new Set([".", "(", ")", ","]);
const SPACES = new Set([" ", "\t", "\n", "\r"]);

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  "*": "*",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * The tokens of a filter; the last is of kind `end`. After an operator a word is a value, in which
 * `:`, `.` and `-` are ordinary characters, so that times and numbers need no quotes.
 * @throws StoreError INVALID_FIELD
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (true) {
    const from = at;
    while (SPACES.has(text.charAt(at))) at++;
    const spaced = at > from || at === 0;
    const token = at < text.length ? readToken(text, at, tokens.at(-1)?.kind) : endAt(at);
    tokens.push({ ...token, spaced });
    if (token.kind === "end") return tokens;
    at = token.end;
  }
}

type Unspaced = Omit<Token, "spaced">;

function endAt(at: Offset): Unspaced {
  return { kind: "end", text: "", pieces: [""], start: at, end: at };
}

function readToken(text: string, start: Offset, previous: TokenKind | undefined): Unspaced {
  const first = text.charAt(start);
  if (first === '"' || first === "'") return readString(text, start, first);
  const operator = OPERATORS.find((candidate) => text.startsWith(candidate, start));
  if (operator) return plain("operator", operator, start);
  const isValue = previous === "operator";
  // A dot begins a value such as .5, but no word.
  if (SIGNS.has(first) && !(isValue && first === ".")) {
    return plain(first as TokenKind, first, start);
  }
  if (first === "-" && !isValue && previous !== ".") return plain("-", first, start);
  let end = start + 1;
  while (end < text.length && !endsWord(text, end, isValue)) end++;
  const word = text.slice(start, end);
  return { kind: "word", text: word, pieces: word.split("*"), start, end };
}

function plain(kind: TokenKind, text: string, start: Offset): Unspaced {
  return { kind, text, pieces: [text], start, end: start + text.length };
}

function endsWord(text: string, at: Offset, isValue: boolean): boolean {
  const character = text.charAt(at);
  switch (character) {
    case ":":
    case ".":
      return !isValue;
    case "!":
      return text.charAt(at + 1) === "=";
    case "=":
    case "<":
    case ">":
    case "(":
    case ")":
    case ",":
    case '"':
    case "'":
      return true;
    default:
      return SPACES.has(character);
  }
}

function readString(text: string, start: Offset, quote: string): Unspaced {
  const pieces: string[] = [];
  let piece = "";
  let whole = "";
  let at = start + 1;
  while (text.charAt(at) !== quote) {
    if (at >= text.length) throw filterError(text, start, "a quoted string has no end");
    const character = text.charAt(at);
    if (character === "*") {
      pieces.push(piece);
      piece = "";
      whole += character;
      at++;
      continue;
    }
    const { value, end } =
      character === "\\" ? readEscape(text, at) : { value: character, end: at + 1 };
    piece += value;
    whole += value;
    at = end;
  }
  pieces.push(piece);
  if (!whole.isWellFormed()) {
    throw filterError(text, start, "a string must be well-formed Unicode");
  }
  return { kind: "string", text: whole, pieces, start, end: at + 1 };
}

function readEscape(text: string, at: Offset): { value: string; end: Offset } {
  const character = text.charAt(at + 1);
  const value = ESCAPES[character];
  if (value !== undefined) return { value, end: at + 2 };
  const digits = text.slice(at + 2, at + 6);
  if (character === "u" && /^[0-9A-Fa-f]{4}$/.test(digits)) {
    return { value: String.fromCharCode(Number.parseInt(digits, 16)), end: at + 6 };
  }
  throw filterError(text, at, "an escape is one of \\\" \\' \\\\ \\* \\n \\r \\t \\uXXXX");
}
