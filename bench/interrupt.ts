// What it costs that a scan can be ended: each statement as the service runs it, and the same without
// the question, in turn. Prints medians of the time of a scan to its end, with their spread, and ratios.

import { parseArgs } from "node:util";
import { CONTINUE_FUNCTION, interruptible } from "../src/database/sql/interrupt.ts";
import { type Connection, openConnection } from "../src/database/sqlite/connection/connection.ts";
import { quantile } from "./quantile.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "500000" },
    rounds: { type: "string", default: "15" },
  },
});

const GATES = {
  without: "TRUE",
  "as it is": interruptible("id"),
  "every row": `${CONTINUE_FUNCTION}()`,
};

const SCANS = {
  "an integer": "count = 5",
  "a text with wildcards": "instr(name, 'zzz') > 0",
  "a value in JSON": "json_extract(data, '$.loyalty.points') = 1000",
};

const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
fill(connection, Number(flags.rows));
const times = new Map<string, number[]>();
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const [scan, condition] of Object.entries(SCANS)) {
    for (const [gate, sql] of Object.entries(GATES)) {
      const statement = connection.prepare(`SELECT count(*) FROM t WHERE ${sql} AND ${condition}`);
      const started = performance.now();
      statement.get();
      const key = `${scan}, ${gate}`;
      times.set(key, [...(times.get(key) ?? []), performance.now() - started]);
    }
  }
}
connection.close();

for (const scan of Object.keys(SCANS)) {
  const base = quantile(times.get(`${scan}, without`) ?? [], 0.5);
  for (const gate of Object.keys(GATES)) {
    const key = `${scan}, ${gate}`;
    const [p10, p50, p90] = [0.1, 0.5, 0.9].map((q) => quantile(times.get(key) ?? [], q));
    const spread = `p10 ${p10?.toFixed(1)}, p90 ${p90?.toFixed(1)}`;
    const ratio = ((p50 ?? 0) / base).toFixed(2);
    console.log(`${key.padEnd(36)} p50 ${p50?.toFixed(1)} ms (${spread})  ${ratio} x`);
  }
}

function fill(target: Connection, rows: number): void {
  target.exec(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, count INTEGER, data TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO t SELECT i, 'Artist ' || i, i * 31 % 977,
      json_object('loyalty', json_object('points', i % 100)) FROM n;
  `);
}
