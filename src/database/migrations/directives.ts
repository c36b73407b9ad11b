// Reads the text of a migration from its bytes, and what its first comments ask for.
// What cannot be what its author meant is refused: a directive that is overlooked costs rows.

import { StoreError } from "../../errors.ts";
import { blankQuoted, findComments, lineAt, skipBlank } from "./sql-text.ts";

/** How a file asks to be run: in one transaction unless its first comment lines say otherwise. */
export type MigrationMode = "transaction" | "foreign-keys-off" | "no-transaction";

const MODES: ReadonlyMap<string, MigrationMode> = new Map([
  ["no-transaction", "no-transaction"],
  ["foreign-keys off", "foreign-keys-off"],
]);

const DIRECTIVE = /^-+\s*protostore\s*:(.*)$/is;
/** A line inside a comment of several that looks like one. */
const HIDDEN_DIRECTIVE = /^[ \t*/-]*protostore\s*:[^\n\r]*/im;

const NO_EFFECT_INSIDE: Readonly<Record<string, string>> = {
  foreign_keys:
    "does nothing inside a transaction; the line `-- protostore: foreign-keys off` before the " +
    "first statement has the effect",
  journal_mode: "cannot change the journal inside a transaction; protostore uses WAL",
  auto_vacuum: "does nothing to a database that has tables, unless VACUUM comes after it",
  page_size: "does nothing to a database that has tables, unless VACUUM comes after it",
  encoding: "does nothing to a database that has tables",
};

/**
 * The text of a file.
 * @throws StoreError MIGRATION_INVALID if the bytes are not UTF-8, or if a database would take a part
 *   of the text for none: what comes after a zero byte, or, SQLite, after a comment that ends in CR alone.
 */
export function decodeScript(file: string, bytes: Uint8Array): string {
  let sql: string;
  try {
    // Without the mark that some editors put before the first byte.
    sql = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new StoreError("MIGRATION_INVALID", `${file}: the bytes are not UTF-8`);
  }
  const zero = sql.indexOf("\0");
  if (zero >= 0) {
    throw invalid(file, sql, zero, "there is a zero byte, and no database reads further than that");
  }
  for (const { text, index } of findComments(sql)) {
    if (!/^--.*?\r(?=\s*\S)/s.test(text)) continue;
    const reason = "a line ends in CR alone, so that SQLite takes the next one for a comment too";
    throw invalid(file, sql, index, reason);
  }
  return sql;
}

/**
 * The mode that the comments before the first statement of `sql` ask for.
 * @throws StoreError MIGRATION_INVALID for a directive that is unknown, contradicts another, or is
 *   inside a comment of another form.
 */
export function readMode(file: string, sql: string): MigrationMode {
  const modes = new Set<MigrationMode>();
  for (const { text, index } of findComments(sql.slice(0, skipBlank(sql, 0)))) {
    const hidden = text.startsWith("/*") && HIDDEN_DIRECTIVE.exec(text);
    if (hidden) {
      const reason = `"${hidden[0].trim()}" must be a line of its own that begins with --`;
      throw invalid(file, sql, index + hidden.index, reason);
    }
    const words = DIRECTIVE.exec(text)?.[1]?.trim();
    if (words === undefined) continue;
    const mode = MODES.get(words.toLowerCase().replace(/\s+/g, " "));
    if (!mode) {
      const known = [...MODES.keys()].map((name) => `"${name}"`).join(" nor ");
      throw invalid(file, sql, index, `"protostore: ${words}" is neither ${known}`);
    }
    modes.add(mode);
  }
  if (modes.size > 1) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `${file}: ${[...MODES.keys()].join(" and ")} exclude each other`,
    );
  }
  const [mode = "transaction"] = modes;
  return mode;
}

/** What a reader of `sql` may believe it does and it does not, each with file and line. */
export function findIneffective(file: string, sql: string, mode: MigrationMode): readonly string[] {
  return [...findPragmas(file, sql, mode), ...findLateDirectives(file, sql)];
}

function findPragmas(file: string, sql: string, mode: MigrationMode): readonly string[] {
  if (mode === "no-transaction") return [];
  const pragmas = blankQuoted(sql).matchAll(/(?:^|;)\s*PRAGMA\s+(?:\w+\s*\.\s*)?(\w+)\s*[=(]/gi);
  return [...pragmas].flatMap(({ 0: text, 1: word = "", index }) => {
    const name = word.toLowerCase();
    const reason = Object.hasOwn(NO_EFFECT_INSIDE, name) ? NO_EFFECT_INSIDE[name] : undefined;
    if (!reason || (name === "foreign_keys" && mode === "foreign-keys-off")) return [];
    const line = lineAt(sql, index + text.search(/PRAGMA/i));
    return [`${file}, line ${line}: PRAGMA ${name} ${reason}`];
  });
}

function findLateDirectives(file: string, sql: string): readonly string[] {
  const start = skipBlank(sql, 0);
  return findComments(sql)
    .filter(({ text, index }) => index >= start && DIRECTIVE.test(text))
    .map(
      ({ text, index }) =>
        `${file}, line ${lineAt(sql, index)}: "${text.trim()}" does nothing, ` +
        "because it is not before the first statement",
    );
}

function invalid(file: string, sql: string, offset: number, reason: string): StoreError {
  return new StoreError("MIGRATION_INVALID", `${file}, line ${lineAt(sql, offset)}: ${reason}`);
}
