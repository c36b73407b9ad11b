// Tokens → the tree of a filter, by the grammar of AIP-160: OR binds tighter than AND.
// Knows no fields. Each token is taken once; parentheses nest to a limit, so that recursion does.

import { invalidField } from "../../errors.ts";
import type { FilterNode, Literal, Operator, Segment } from "./ast.ts";
import { excerpt, filterError } from "./filter-error.ts";
import { type Token, type TokenKind, tokenize } from "./lexer.ts";
import { FILTER_LIMITS } from "./limits.ts";

/** A filter that was read. */
export interface ParsedFilter {
  /** Undefined if the text has nothing but white space. */
  readonly root: FilterNode | undefined;
  /** How many tokens were looked at: a measure of the work. */
  readonly steps: number;
}

/**
 * Reads the text of a filter.
 * @throws StoreError INVALID_FIELD, for `filter`, naming the place.
 */
export function parseFilter(text: string): ParsedFilter {
  const bytes = Buffer.byteLength(text);
  if (bytes > FILTER_LIMITS.bytes) {
    throw invalidField("filter", `has ${bytes} bytes; at most ${FILTER_LIMITS.bytes} are allowed`);
  }
  if (!text.isWellFormed()) throw invalidField("filter", "must be well-formed Unicode");
  const parser = new Parser(text);
  return { root: parser.filter(), steps: parser.steps };
}

/** The state of one reading: where it is, how deep, and how many restrictions it has met. */
class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #restrictions = 0;
  steps = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
    refuseManyPieces(text, this.#tokens);
  }

  filter(): FilterNode | undefined {
    if (this.#peek().kind === "end") return undefined;
    const root = this.#expression();
    const rest = this.#peek();
    if (rest.kind === "end") return root;
    throw this.#unexpected(rest);
  }

  /** Sequences joined by AND; a sequence is factors beside each other, which all must match too. */
  #expression(): FilterNode {
    const terms = [this.#factor()];
    while (true) {
      const next = this.#peek();
      if (next.kind === "end" || next.kind === ")") return join("and", terms);
      if (isKeyword(next, "AND")) this.#take();
      else if (!next.spaced) throw filterError(this.#text, next.start, "white space is missing");
      terms.push(this.#factor());
    }
  }

  #factor(): FilterNode {
    const terms = [this.#term()];
    while (isKeyword(this.#peek(), "OR")) {
      this.#take();
      terms.push(this.#term());
    }
    return join("or", terms);
  }

  #term(): FilterNode {
    const sign = this.#peek();
    const isNot = isKeyword(sign, "NOT");
    if (!isNot && sign.kind !== "-") return this.#simple();
    this.#take();
    const next = this.#peek();
    if (sign.kind === "-" && next.spaced && next.kind !== "end") {
      throw filterError(this.#text, sign.start, "no white space may follow -");
    }
    return { kind: "not", term: this.#simple() };
  }

  #simple(): FilterNode {
    const token = this.#peek();
    if (token.kind === "(") return this.#composite();
    if (token.kind !== "word" && token.kind !== "string") throw this.#unexpected(token);
    if (["AND", "OR", "NOT"].some((keyword) => isKeyword(token, keyword))) {
      throw this.#unexpected(token);
    }
    return this.#restriction();
  }

  #composite(): FilterNode {
    const open = this.#take();
    this.#depth++;
    if (this.#depth > FILTER_LIMITS.depth) {
      const reason = `parentheses nest at most ${FILTER_LIMITS.depth} deep`;
      throw filterError(this.#text, open.start, reason);
    }
    const node = this.#expression();
    if (this.#peek().kind !== ")") {
      throw filterError(this.#text, open.start, "a parenthesis is not closed");
    }
    this.#take();
    this.#depth--;
    return node;
  }

  #restriction(): FilterNode {
    const first = this.#take();
    this.#count(first);
    const path = [first];
    while (this.#peek().kind === ".") path.push(this.#pathPart());
    const last = path.at(-1) as Token;
    this.#refuseCall(last, `${excerpt(last.text)}(…)`);
    if (this.#peek().kind === "operator") return this.#comparison(path);
    return { kind: "bare", literal: this.#bareLiteral(path) };
  }

  #pathPart(): Token {
    const dot = this.#take();
    const part = this.#peek();
    if (dot.spaced || part.spaced || (part.kind !== "word" && part.kind !== "string")) {
      throw filterError(this.#text, dot.start, "a dot must be between two names");
    }
    return this.#take();
  }

  #comparison(path: readonly Token[]): FilterNode {
    const [first] = path as [Token];
    if (first.kind === "string") {
      throw filterError(this.#text, first.start, "a field's name has no quotes");
    }
    if (path.length > FILTER_LIMITS.depth) {
      const reason = `a path has at most ${FILTER_LIMITS.depth} parts`;
      throw filterError(this.#text, first.start, reason);
    }
    const operator = this.#take();
    const value = this.#peek();
    if (value.kind === "(") {
      throw filterError(this.#text, value.start, `only a value may follow ${operator.text}`);
    }
    if (value.kind !== "word" && value.kind !== "string") {
      throw filterError(this.#text, value.start, `a value is missing after ${operator.text}`);
    }
    this.#take();
    // What it is compared with may be nobody's to read.
    this.#refuseCall(value, "a call");
    return {
      kind: "restriction",
      path: path.map(toSegment),
      operator: operator.text as Operator,
      operatorOffset: operator.start,
      literal: toLiteral(value),
    };
  }

  /** A word or string by itself. Dots in a word, as in `3.5`, are part of it. */
  #bareLiteral(path: readonly Token[]): Literal {
    const [first, last] = [path[0] as Token, path.at(-1) as Token];
    if (path.length === 1) {
      if (first.kind === "word" && /^(?:and|or|not)$/i.test(first.text)) {
        const reason = `write ${first.text.toUpperCase()} in capitals, or the word in quotes`;
        throw filterError(this.#text, first.start, reason);
      }
      return toLiteral(first);
    }
    const quoted = path.find(({ kind }) => kind === "string");
    if (quoted) throw filterError(this.#text, last.end, "an operator is missing after the field");
    const text = this.#text.slice(first.start, last.end);
    return { text, pieces: text.split("*"), quoted: false, offset: first.start };
  }

  #refuseCall(token: Token, shown: string): void {
    const next = this.#peek();
    if (token.kind === "word" && next.kind === "(" && !next.spaced) {
      throw filterError(this.#text, token.start, `${shown}: there are no functions`);
    }
  }

  #count(token: Token): void {
    this.#restrictions++;
    if (this.#restrictions > FILTER_LIMITS.restrictions) {
      const reason = `a filter has at most ${FILTER_LIMITS.restrictions} restrictions`;
      throw filterError(this.#text, token.start, reason);
    }
  }

  #peek(): Token {
    this.steps++;
    return this.#tokens[this.#at] as Token;
  }

  #take(): Token {
    const token = this.#tokens[this.#at] as Token;
    this.#at++;
    return token;
  }

  #unexpected(token: Token): Error {
    const reason =
      token.kind === "end" ? "something is missing at the end" : UNEXPECTED[token.kind];
    return filterError(this.#text, token.start, reason ?? `${excerpt(token.text)} cannot be here`);
  }
}

const UNEXPECTED: Readonly<Partial<Record<TokenKind, string>>> = {
  operator: "a field must be before an operator",
  ")": "a parenthesis was not opened, or is empty",
};

function refuseManyPieces(text: string, tokens: readonly Token[]): void {
  let count = 0;
  for (const { pieces, start } of tokens) {
    count += pieces.slice(1, -1).filter((piece) => piece !== "").length;
    if (count > FILTER_LIMITS.pieces) {
      const reason = `a filter has at most ${FILTER_LIMITS.pieces} pieces between two *`;
      throw filterError(text, start, reason);
    }
  }
}

function isKeyword(token: Token, keyword: string): boolean {
  return token.kind === "word" && token.text === keyword;
}

function join(kind: "and" | "or", terms: readonly FilterNode[]): FilterNode {
  return terms.length === 1 ? (terms[0] as FilterNode) : { kind, terms };
}

function toSegment({ text, kind, start }: Token): Segment {
  return { text, quoted: kind === "string", offset: start };
}

function toLiteral({ text, pieces, kind, start }: Token): Literal {
  return { text, pieces, quoted: kind === "string", offset: start };
}
