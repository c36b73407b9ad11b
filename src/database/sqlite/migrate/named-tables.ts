// Which tables a script names in statements that take rows away, found without running it.
// Knows SQLite's names and no more; whether a statement is right is SQLite's to say.

import { blankComments } from "../../migrations/sql-text.ts";

const NAME = String.raw`("(?:[^"]|"")*"|'(?:[^']|'')*'|\x60[^\x60]*\x60|\[[^\]]*\]|[\w$\x80-\uffff]+)`;
const DROP_TABLE = tableAfter(String.raw`\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?`);
const REMOVES_ROWS = tableAfter(
  String.raw`\b(?:DELETE\s+FROM|REPLACE\s+INTO|UPDATE\s+OR\s+REPLACE)\s+`,
);

/** The names in lower case, as SQLite compares them, of the tables that the text drops. */
export function droppedTables(sql: string): ReadonlySet<string> {
  return findNames(sql, DROP_TABLE);
}

/** The names in lower case of the tables that the text itself deletes or replaces rows of. */
export function emptiedTables(sql: string): ReadonlySet<string> {
  return findNames(sql, REMOVES_ROWS);
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
