// How the names of tables and columns stand in SQL text: as they are, or in quotes if SQL has the word.
// Pure. Whoever puts a name from a plan into a statement takes it from here.

/** The words of SQLite's grammar (https://sqlite.org/lang_keywords.html), and its two constants. */
const KEYWORDS = new Set(
  (
    "abort action add after all alter always analyze and as asc attach autoincrement before begin " +
    "between by cascade case cast check collate column commit conflict constraint create cross " +
    "current current_date current_time current_timestamp database default deferrable deferred delete " +
    "desc detach distinct do drop each else end escape except exclude exclusive exists explain fail " +
    "false filter first following for foreign from full generated glob group groups having if ignore " +
    "immediate in index indexed initially inner insert instead intersect into is isnull join key last " +
    "left like limit match materialized natural no not nothing notnull null nulls of offset on or " +
    "order others outer over partition plan pragma preceding primary query raise range recursive " +
    "references regexp reindex release rename replace restrict returning right rollback row rows " +
    "savepoint select set stored strict table temp temporary then ties to transaction trigger true " +
    "unbounded union unique update using vacuum values view virtual when where window with within " +
    "without"
  ).split(" "),
);

/**
 * A name as it stands in SQL text. Only words of SQL are quoted, so that all other texts stay as
 * people write them: those of generated columns are compared.
 */
export function sqlName(name: string): string {
  return KEYWORDS.has(name.toLowerCase()) ? quoteName(name) : name;
}

/** `name` as an SQL identifier, whatever characters it has. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
