// Every declared field: what SQLite does for a filter and an order by it, with few rows and with many,
// before and after ANALYZE. A full scan with a sort behind it is never the answer.

import { describe, expect, test } from "vitest";
import { explainDetails } from "../../src/database/sqlite/inspect/explain.ts";
import { fill, INDEXED, listStatement, type Migrated, migrated, multiply } from "./support.ts";

/** Values that filters compare with: one that is no default first. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  bpm: ["120", "0", "-1.5"],
  "loyalty.points": ["7", "0", "-9223372036854775808"],
  status: ["SUSPENDED", "STATUS_UNSPECIFIED"],
  visibility: ["PRIVATE", "VISIBILITY_UNSPECIFIED"],
  invoice_time: ['"2021-03-04T12:00:00Z"', '"2021-03-04T12:00:00.5+02:00"'],
};
const ENUMS = new Set(["status", "visibility"]);

const SETTINGS: readonly { title: string; rows: number; analyze: boolean }[] = [
  { title: "the fixtures", rows: 0, analyze: false },
  { title: "the fixtures after ANALYZE", rows: 0, analyze: true },
  { title: "10,000 rows", rows: 10_000, analyze: false },
  { title: "10,000 rows after ANALYZE", rows: 10_000, analyze: true },
];

describe.each(SETTINGS)("with $title", ({ rows, analyze }) => {
  async function open(): Promise<Migrated> {
    const opened = await migrated();
    await fill(opened);
    if (rows > 0) multiply(opened, rows);
    if (analyze) opened.connection.exec("ANALYZE");
    return opened;
  }

  test("equality is searched by the index of the field", async () => {
    const { connection } = await open();
    const wrong = INDEXED.flatMap(({ plan, path, title }) => {
      const [value] = VALUES[path] ?? ['"x"'];
      const statement = listStatement(connection, plan, {
        filter: `${path} = ${value}`,
        orderBy: "",
      });
      const details = explainDetails(connection, statement);
      const index = `${plan.table}_${path.replace(".", "_")} (`;
      const isSearch = details[0]?.startsWith("SEARCH") && details[0].includes(index);
      return isSearch ? [] : [`${title}: ${details.join("; ")}`];
    });
    // Where few rows have few values, a scan costs less.
    const tolerated = analyze && rows === 0 ? /^Playlist\.visibility: SCAN playlists$/ : /^$/;
    expect(wrong.filter((line) => !tolerated.test(line))).toEqual([]);
  });

  test("an order is that of an index", async () => {
    const { connection } = await open();
    const wrong = INDEXED.flatMap(({ plan, path, title }) =>
      [path, `${path} desc`].flatMap((orderBy) => {
        const statement = listStatement(connection, plan, { filter: "", orderBy });
        const details = explainDetails(connection, statement);
        const expected = `SCAN ${plan.table} USING INDEX ${plan.table}_${path.replace(".", "_")}`;
        const isIndex = details.length === 1 && details[0]?.startsWith(expected);
        return isIndex ? [] : [`${title} ${orderBy}: ${details.join("; ")}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("nothing is scanned and then sorted", async () => {
    const { connection } = await open();
    let count = 0;
    const wrong = INDEXED.flatMap(({ plan, path, title }) => {
      const operators = ENUMS.has(path) ? ["=", "!="] : ["=", "!=", "<", "<=", ">", ">="];
      const values = VALUES[path] ?? ['"x"', '""'];
      const filters = values.flatMap((value) =>
        operators.map((sign) => `${path} ${sign} ${value}`),
      );
      if (!VALUES[path])
        filters.push(`${path} = "x*"`, `${path}:*`, `${path} = "a" OR ${path} = "b"`);
      return filters.flatMap((filter) =>
        ["", path, `${path} desc`].flatMap((orderBy) => {
          count += 1;
          const statement = listStatement(connection, plan, { filter, orderBy });
          const details = explainDetails(connection, statement);
          const isScan = details.some((detail) => detail.startsWith("SCAN"));
          const isSorted = details.some((detail) => detail.includes("TEMP B-TREE"));
          return isScan && isSorted
            ? [`${title} ${filter} | ${orderBy}: ${details.join("; ")}`]
            : [];
        }),
      );
    });
    expect(count).toBeGreaterThan(300);
    expect(wrong).toEqual([]);
  });
});
