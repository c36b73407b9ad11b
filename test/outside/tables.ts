// The tables that are written at random: their columns, and values for them from small pools, so that
// equal ones meet.
// Knows no schema but Chinook's own: what a kind adds to it is in kinds.ts.

import { RESOURCES } from "../../src/chinook/resources.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { planResources, type ResourcePlan, type TablePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import type { Random } from "../durability/random.ts";
import { readMigrationFiles } from "../support/migrate.ts";

/** The plans of all resources. */
export const PLANS: readonly ResourcePlan[] = planResources(RESOURCES);

export const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** Chinook's tables without a row, in the plural naming. */
export const CHINOOK_SQL: string = readMigrationFiles()[0]?.up.sql ?? "";

/** A column that statements write. */
export interface Column {
  readonly name: string;
  readonly nullable: boolean;
  /** The table whose keys it holds. */
  readonly refers: string | undefined;
  /** The full name of its message, or the kind of its field. */
  readonly type: string;
}

/** A table that statements write. */
export interface Table {
  readonly name: string;
  /** Its INTEGER PRIMARY KEY; absent for a link table. */
  readonly key: string | undefined;
  readonly columns: readonly Column[];
  /** Values of the column `data`, if there is one. */
  readonly json: readonly string[];
}

const JSON_VALUES: Readonly<Record<string, readonly string[]>> = {
  artists: [
    '{"biography":"b"}',
    '{"regionCode":"NO","aliases":["a","b"]}',
    '{"links":{"web":"x"}}',
  ],
  albums: [
    '{"label":"L"}',
    '{"upc":"1","releaseDate":{"year":2000,"month":1,"day":2}}',
    '{"cover":"AQI="}',
  ],
  tracks: [
    '{"isrc":"I1","bpm":120.5}',
    '{"explicit":true,"credits":[{"displayName":"c","role":"PRODUCER"}]}',
    '{"attributes":{"k":1}}',
  ],
  genres: ['{"description":"d"}'],
  media_types: ['{"description":"d"}', '{"description":"é"}'],
  playlists: ['{"visibility":"PUBLIC","tags":["t"]}', '{"description":"d"}'],
  customers: [
    '{"tags":["t"],"loyalty":{"points":"5"}}',
    '{"attributes":{"a":"1"}}',
    '{"preferences":{"newsletter":true},"contactEmail":"x"}',
  ],
  employees: ['{"skills":["s"]}', '{"workingHours":{"1":{"startMinute":5}}}'],
  invoices: ['{"notes":"n"}', '{"voucherCode":"v"}', '{"notes":"m","card":{"network":"V"}}'],
  invoice_items: ['{"discounts":["d"]}'],
};

/** The words that the triggers of users look for are among them. */
const TEXTS = [
  "Alpha",
  "alpha",
  "ALPHA ",
  " padded ",
  "Bjørk ÿ",
  "beta",
  "Beta",
  "",
  "日本 🎸",
  "gamma",
  "delta",
  "it's",
  "x",
];

const MARKED_TEXTS = ["ignore me", "rollback me", "abort me", "fail me"];

const PRICES = [0.99, 1.29, 1n, 13.859999999999998, 0n, 5.5];
const TIMES = ["2021-01-01 00:00:00", "2022-03-04", "2023-05-06T07:08:09Z", "2024-02-29 23:59:58"];
const DATES = ["1980-01-02 00:00:00", "1999-12-31", "2004-02-29 00:00:00"];

/** The tables of all resources, of their child rows, and the link table. */
export const TABLES: readonly Table[] = [
  ...PLANS.flatMap((plan) => [toTable(plan), ...plan.children.map(toChildTable)]),
  {
    name: "playlist_track",
    key: undefined,
    columns: [
      { name: "PlaylistId", nullable: false, refers: "playlists", type: "string" },
      { name: "TrackId", nullable: false, refers: "tracks", type: "string" },
    ],
    json: [],
  },
];

function toTable(plan: TablePlan): Table {
  const required = requiredColumns(plan.table);
  return {
    name: plan.table,
    key: plan.key,
    columns: plan.columns.map(({ name, field, reference }) => ({
      name,
      nullable: !required.has(name) && name !== "status",
      refers: PLANS_BY_TYPE().get(reference?.type ?? ""),
      type: field.message?.typeName ?? field.fieldKind + (field.scalar ?? ""),
    })),
    json: JSON_VALUES[plan.table] ?? [],
  };
}

function toChildTable(child: ResourcePlan["children"][number]): Table {
  const table = toTable(child);
  const parent = PLANS.find(({ children }) => children.includes(child))?.table;
  const key = { name: child.parentKey, nullable: false, refers: parent, type: "string" };
  return { ...table, columns: [key, ...table.columns] };
}

function PLANS_BY_TYPE(): ReadonlyMap<string, string> {
  return new Map(PLANS.map(({ resource, table }) => [resource.type, table]));
}

function requiredColumns(table: string): ReadonlySet<string> {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(CHINOOK_SQL);
  const names = connection
    .prepare('SELECT name FROM pragma_table_info(?) WHERE "notnull" = 1')
    .pluck()
    .all(table) as string[];
  connection.close();
  return new Set(names);
}

/** The keys that the tables have now. */
export type KeysOf = (table: string) => readonly bigint[];

/** A text from the pool; one in ten is a word that triggers look for. */
export function randomText(random: Random): string {
  return random.pick(random.chance(0.1) ? MARKED_TEXTS : TEXTS);
}

/** A key: most often one that is there. */
export function randomKey(random: Random, keys: readonly bigint[]): bigint {
  if (keys.length > 0 && random.chance(0.8)) return random.pick(keys);
  return BigInt(1 + random.below(15));
}

/** A value for the column. */
export function randomValue(column: Column, random: Random, keysOf: KeysOf): SqlValue {
  if (column.nullable && random.chance(0.2)) return null;
  if (column.refers) {
    const keys = keysOf(column.refers);
    return keys.length > 0 && random.chance(0.95) ? random.pick(keys) : 77n;
  }
  switch (column.type) {
    case "google.type.Money":
      return random.pick(PRICES);
    case "google.protobuf.Timestamp":
      return random.pick(TIMES);
    case "google.type.Date":
      return random.pick(DATES);
    case "google.protobuf.Duration":
      return random.pick([0n, 1n, 343_719n]);
    case "scalar9":
      return randomText(random);
    default:
      return BigInt(1 + random.below(3));
  }
}

/** What other programs keep in columns, and no field can hold. */
const BROKEN: Readonly<Record<string, string>> = {
  "google.type.Money": "'free'",
  "google.protobuf.Timestamp": "'yesterday'",
  "google.type.Date": "'31.12.1999'",
  "google.protobuf.Duration": "0.5",
  scalar9: "x'0041'",
};

/** SQL text of a value that the column's field cannot hold. */
export function brokenLiteral(column: Column): string {
  return BROKEN[column.type] ?? "10000000000.5";
}

/** SQL text of a value for the column. */
export function randomLiteral(column: Column, random: Random, keysOf: KeysOf): string {
  const value = randomValue(column, random, keysOf);
  if (value === null) return "NULL";
  return typeof value === "string" ? quote(value) : String(value);
}

/** SQL text of a value for the column `data`. */
export function randomJson(table: Table, random: Random): string {
  return quote(randomJsonText(table, random));
}

/** A value for the column `data`. */
export function randomJsonText(table: Table, random: Random): string {
  return random.pick(["{}", ...table.json]);
}

/** A text as SQL has it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
