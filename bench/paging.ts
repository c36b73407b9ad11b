// What a page costs, early and late in a table of a million rows: keyset paging makes them equal,
// OFFSET, which is measured beside it, does not. Prints medians with their spread, and ratios.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { ListArtistsResponseSchema } from "../gen/chinook/v1/artist_pb.ts";
import { CHINOOK_RESOURCES, RESOURCES } from "../src/chinook/resources.ts";
import { openConnection } from "../src/database/sqlite/connection/connection.ts";
import { openSqlite } from "../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import type { ListQuery } from "../src/repositories/list.ts";
import { createRepository } from "../src/repositories/resource-repository.ts";
import { planResources } from "../src/schema/plan.ts";
import { registryOf } from "../src/schema/registry.ts";
import { migrateUp } from "../test/support/migrate.ts";
import { quantile } from "./quantile.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    pageSize: { type: "string", default: "100" },
    rounds: { type: "string", default: "200" },
  },
});
const rows = Number(flags.rows);
const pageSize = Number(flags.pageSize);
const rounds = Number(flags.rounds);

const directory = mkdtempSync(join(tmpdir(), "protostore-bench-"));
try {
  await run(join(directory, "bench.db"));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function run(path: string): Promise<void> {
  await migrateUp(path, { lockTimeoutMs: DEFAULT_LIMITS.migrationLockTimeoutMs });
  fill(path);
  const plans = planResources(RESOURCES);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const tools = { registry, definitions: CHINOOK_RESOURCES.definitions };
  const limits = DEFAULT_LIMITS;
  const database = openSqlite({ path, readOnly: true, ...tools, limits });
  const plan = plans.find(({ table }) => table === "artists");
  if (!plan) throw new Error("there is no plan for artists");
  const repository = createRepository(database, plan, limits);
  const lastPage = Math.floor(rows / pageSize) - 1;
  const first: ListQuery = {
    filter: "",
    orderBy: "",
    pageSize,
    skip: 0,
    after: undefined,
    includeTotalSize: false,
    item: { field: ListArtistsResponseSchema.field.artists.number },
  };
  const late = { ...first, after: [BigInt(lastPage * pageSize)] };
  // Every artist has the same region: a million rows that only their keys tell apart.
  const ordered = { ...first, orderBy: "region_code" };
  const orderedLate = { ...ordered, after: ["", BigInt(lastPage * pageSize)] };
  const skipping = { ...first, skip: lastPage * pageSize };
  const cases: readonly [string, ListQuery][] = [
    ["page 1", first],
    [`page ${lastPage + 1}, by key`, late],
    ["page 1, ordered", ordered],
    [`page ${lastPage + 1}, ordered`, orderedLate],
    [`page ${lastPage + 1}, by skip`, skipping],
  ];
  const times = new Map(cases.map(([name]) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, query] of cases) {
      // Skipping a million rows is slow: a few rounds tell as much.
      if (query.skip > 0 && round >= Math.min(rounds, 10)) continue;
      const started = performance.now();
      const { bytes } = await repository.list(query);
      times.get(name)?.push(performance.now() - started);
      const { artists } = fromBinary(ListArtistsResponseSchema, bytes);
      if (artists.length !== pageSize) throw new Error(`${name} has ${artists.length} rows`);
    }
  }
  await database.close();
  const base = quantile(times.get("page 1") ?? [], 0.5);
  for (const [name, measured] of times) {
    const [p10, p50, p90] = [0.1, 0.5, 0.9].map((q) => quantile(measured, q)) as [
      number,
      number,
      number,
    ];
    const spread = `p10 ${p10.toFixed(3)}, p90 ${p90.toFixed(3)}`;
    console.log(
      `${name.padEnd(24)} p50 ${p50.toFixed(3)} ms (${spread})  ${(p50 / base).toFixed(2)} x`,
    );
  }
}

function fill(path: string): void {
  const connection = openConnection(path, { busyTimeoutMs: 1000 });
  connection.pragma("synchronous = OFF");
  connection.exec(`
    BEGIN;
    UPDATE store_state SET writing = 1;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO artists (ArtistId, Name, data, revision)
    SELECT i, 'Artist ' || i, json_object('biography', 'Plays since ' || i), 1 FROM n;
    UPDATE store_state SET writing = 0, revision = 1;
    COMMIT;
  `);
  connection.close();
}
