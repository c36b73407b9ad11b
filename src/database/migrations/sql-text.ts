// Looks at the text of a migration without running it: comments, lines, where statements may end.
// Knows the tokens of SQL, as SQLite has them; whether a statement is right is the database's to say.

/** A part of a text; `index` is its offset. */
export interface Token {
  readonly text: string;
  readonly index: number;
}

/** What may hide a semicolon or a word, or is a semicolon. */
const TOKEN = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g;
const BLANK = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*/;

/** Where the comments and spaces, and empty statements, from `offset` on end. */
export function skipBlank(sql: string, offset: number): number {
  return offset + (BLANK.exec(sql.slice(offset))?.[0].length ?? 0);
}

/** The offsets after each semicolon that may end a statement, and that of the end of the text. */
export function findEnds(sql: string): readonly number[] {
  const ends = tokensOf(sql).filter(({ text }) => text === ";");
  return [...ends.map(({ index }) => index + 1), sql.length];
}

/** The number of the line that `offset` is in, from 1. */
export function lineAt(sql: string, offset: number): number {
  return sql.slice(0, offset).split("\n").length;
}

/** The text with spaces in place of comments; what is left keeps its offset. */
export function blankComments(sql: string): string {
  return blank(sql, isComment);
}

/** The text with spaces in place of comments and of what is in quotes. */
export function blankQuoted(sql: string): string {
  return blank(sql, (text) => text !== ";");
}

/** The comments of the text, each with its offset. */
export function findComments(sql: string): readonly Token[] {
  return tokensOf(sql).filter(({ text }) => isComment(text));
}

function tokensOf(sql: string): readonly Token[] {
  return [...sql.matchAll(TOKEN)].map((match) => ({ text: match[0], index: match.index }));
}

function blank(sql: string, isHidden: (text: string) => boolean): string {
  return sql.replace(TOKEN, (text) => (isHidden(text) ? text.replace(/[^\n]/g, " ") : text));
}

function isComment(text: string): boolean {
  return text.startsWith("--") || text.startsWith("/*");
}
