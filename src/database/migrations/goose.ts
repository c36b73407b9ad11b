// Reads goose's form of a migration: up and down in one file, told apart by its `-- +goose` markers.
// Only cuts the text; what is in the parts is run as any other script.

import { StoreError } from "../../errors.ts";

/** The parts of a file; each has the line numbers of the whole. */
export interface GooseParts {
  readonly up: string;
  /** Absent if the file has no such part. */
  readonly down: string | undefined;
  readonly isTransaction: boolean;
}

// Not `.`, which does not take the CR that a line may end in.
const MARKER = /^[ \t]*--[ \t]*\+goose\b([^\n]*)$/i;
const COMMENT_OR_BLANK = /^\s*(--[^\n]*)?$/;
const NO_VARIABLES = ["envsub off", "envsubst off"];

/** True if `sql` has any of goose's markers. */
export function hasGooseMarkers(sql: string): boolean {
  return sql.split("\n").some((line) => MARKER.test(line));
}

/**
 * Cuts the text of a file at its markers.
 * @throws StoreError MIGRATION_INVALID, with the line, for what goose would refuse, and for
 *   variables of the environment, which are not put in.
 */
export function splitGoose(file: string, sql: string): GooseParts {
  const parts: { up: string[]; down: string[] } = { up: [], down: [] };
  let part: "start" | "up" | "down" = "start";
  let isBlock = false;
  let isTransaction = true;
  for (const [index, line] of sql.split("\n").entries()) {
    const fail = (reason: string) =>
      new StoreError("MIGRATION_INVALID", `${file}, line ${index + 1}: ${reason}`);
    const marker = MARKER.exec(line)?.[1]?.trim().toLowerCase();
    if (marker === undefined) {
      if (part === "start" && !COMMENT_OR_BLANK.test(line)) {
        throw fail("there is a statement before `-- +goose Up`");
      }
    } else if (marker === "up" || marker === "down") {
      if (isBlock)
        throw fail("the part begins before the `-- +goose StatementEnd` of the last one");
      if (part !== (marker === "up" ? "start" : "up")) throw fail(`+goose ${marker} out of turn`);
      part = marker;
    } else if (marker === "statementbegin" || marker === "statementend") {
      if (part === "start" || isBlock === (marker === "statementbegin")) {
        throw fail(`+goose ${marker} out of turn`);
      }
      isBlock = marker === "statementbegin";
    } else if (marker === "no transaction") {
      isTransaction = false;
    } else if (!NO_VARIABLES.includes(marker)) {
      throw fail(`"+goose ${marker}" is not among the markers that are read`);
    }
    // Comments before the first part hold for both.
    parts.up.push(part === "down" ? "" : line);
    parts.down.push(part === "up" ? "" : line);
  }
  if (part === "start") throw new StoreError("MIGRATION_INVALID", `${file}: no \`-- +goose Up\``);
  if (isBlock) throw new StoreError("MIGRATION_INVALID", `${file}: no \`-- +goose StatementEnd\``);
  const down = part === "down" ? parts.down.join("\n") : undefined;
  return { up: parts.up.join("\n"), down, isTransaction };
}
