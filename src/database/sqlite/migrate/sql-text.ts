// Looks at the text of a migration without running it: comments, lines, the tables that it names.
// Knows SQLite's tokens and no more; whether a statement is right is SQLite's to say.

/** A part of a text; `index` is its offset. */
export interface Token {
  readonly text: string;
  readonly index: number;
}

/** What may hide a semicolon or a word, or is a semicolon. */
const TOKEN = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g;
const BLANK = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*/;
const NAME = String.raw`("(?:[^"]|"")*"|'(?:[^']|'')*'|\x60[^\x60]*\x60|\[[^\]]*\]|[\w$\x80-\uffff]+)`;
const DROP_TABLE = tableAfter(String.raw`\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?`);
const REMOVES_ROWS = tableAfter(
  String.raw`\b(?:DELETE\s+FROM|REPLACE\s+INTO|UPDATE\s+OR\s+REPLACE)\s+`,
);

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

/** The names in lower case, as SQLite compares them, of the tables that the text drops. */
export function droppedTables(sql: string): ReadonlySet<string> {
  return findNames(sql, DROP_TABLE);
}

/** The names in lower case of the tables that the text itself deletes or replaces rows of. */
export function emptiedTables(sql: string): ReadonlySet<string> {
  return findNames(sql, REMOVES_ROWS);
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

function tableAfter(words: string): RegExp {
  return new RegExp(String.raw`${words}(?:${NAME}\s*\.\s*)?${NAME}`, "gi");
}

function findNames(sql: string, pattern: RegExp): ReadonlySet<string> {
  const found = blankComments(sql).matchAll(pattern);
  return new Set([...found].map((match) => unquote(match[2] ?? "").toLowerCase()));
}

function unquote(name: string): string {
  const [first = ""] = name;
  if (first === "[") return name.slice(1, -1);
  if (first !== '"' && first !== "'" && first !== "`") return name;
  return name.slice(1, -1).replaceAll(first + first, first);
}
