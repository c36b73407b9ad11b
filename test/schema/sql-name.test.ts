// Every identifier can be the name of a table and of a column, in each place where statements have names.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { planResources } from "../../src/schema/plan.ts";
import { sqlName } from "../../src/schema/sql-name.ts";
import { REPO_ROOT } from "../support/tools.ts";

/** What stands in the sources, and with it in SQL texts: the words that names are taken from. */
const WORDS = new Set(
  globSync("{migrations,src,proto,docs}/**/*.{sql,ts,proto,md}", { cwd: REPO_ROOT })
    .flatMap((path) => readFileSync(join(REPO_ROOT, path), "utf8").match(/[A-Za-z_]\w*/g) ?? [])
    .map((word) => word.toLowerCase())
    .filter((word) => word.length <= 63 && !/^sqlite(?:_|$)/.test(word)),
);

const COLUMNS_OF_STORE = ["data", "wire", "revision"];

describe("a name in SQL text", () => {
  test("can be any word that an identifier can be", () => {
    const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
    const refused = [...WORDS].filter((word) => {
      const name = sqlName(word);
      const own = COLUMNS_OF_STORE.includes(word) ? "other" : name;
      try {
        connection.exec(`
          CREATE TABLE ${name} (id INTEGER PRIMARY KEY, ${own}, data GENERATED ALWAYS AS (${own}));
          CREATE TRIGGER ${word}_trigger AFTER UPDATE ON ${name} WHEN NEW.${own} IS NOT OLD.${own}
          BEGIN UPDATE ${name} SET ${own} = NEW.${own} WHERE ${own} = 0; END;
          INSERT INTO ${name} (${own}) VALUES (1);
          UPDATE ${name} SET ${own} = 2 WHERE ${own} = 1;`);
        const read = `SELECT ${own}, ${name}.${own} FROM ${name} WHERE ${name}.${own} = 2
          AND EXISTS (SELECT 1 FROM ${name} AS e1 WHERE e1.${own} = 2) ORDER BY ${name}.${own}`;
        expect(connection.prepare(read).raw().all()).toEqual([[2n, 2n]]);
        connection.exec(`DELETE FROM ${name} WHERE ${own} = 2; DROP TABLE ${name}`);
        return false;
      } catch {
        connection.exec(`DROP TABLE IF EXISTS "${word}"`);
        return word !== "id";
      }
    });
    connection.close();
    expect(refused).toEqual([]);
  });

  test.for(["group", "ORDER", "Index", "values", "true"])(
    "is in quotes if SQL has the word: %s",
    (word) => {
      expect(sqlName(word)).toBe(`"${word}"`);
    },
  );

  test("is the name itself for all tables and columns that are served", () => {
    const names = planResources(RESOURCES).flatMap((plan) =>
      [plan, ...plan.children].flatMap(({ table, key, columns }) => [
        table,
        key,
        ...columns.map(({ name }) => name),
      ]),
    );
    expect(names.map(sqlName)).toEqual(names);
  });
});
