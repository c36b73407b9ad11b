// Laws of filters (AIP-160): what they answer is compared with a look at every row. They stay with
// what every service understands alike: comparisons of scalars, AND, OR, NOT.

import type { Message } from "@bufbuild/protobuf";
import type { ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import type { Resource } from "../discover.ts";
import { compareValues, quoted, type ScalarPath, scalarPaths, type Value } from "../fields.ts";
import { expectRefused, expectThat, expectViolation, type Law } from "../law.ts";
import { violationsOf } from "../violations.ts";

const FIELDS_MAX = 20;

const filters = ({ methods }: Resource) =>
  Boolean(methods.Create && methods.List?.fields.has("filter"));

const equality: Law = {
  name: "a filter for a value of a row answers the rows of that value and no others",
  applies: filters,
  async check(resource, client) {
    const { rows, made } = await prepare(client);
    for (const scalar of scalarPaths(resource).slice(0, FIELDS_MAX)) {
      for (const value of valuesOf(scalar, made)) {
        const filter = `${scalar.path} = ${scalar.literal(value)}`;
        await expectRows(client, rows, filter, (row) => scalar.valueIn(row) === value);
      }
    }
  },
};

const comparisons: Law = {
  name: "filters with !=, <, <=, > and >= answer the rows that are so",
  applies: filters,
  async check(resource, client) {
    const { rows, made } = await prepare(client);
    const operators: [string, (order: number) => boolean][] = [
      ["!=", (order) => order !== 0],
      ["<", (order) => order < 0],
      ["<=", (order) => order <= 0],
      [">", (order) => order > 0],
      [">=", (order) => order >= 0],
    ];
    // Whether an absent field compares is each service's own; bool and enum have no order.
    const scalars = scalarPaths(resource).filter(
      ({ hasPresence, field }) => !hasPresence && !field.enum && field.scalar !== 8,
    );
    for (const scalar of scalars.slice(0, FIELDS_MAX)) {
      const [value] = valuesOf(scalar, made);
      if (value === undefined) continue;
      for (const [operator, holds] of operators) {
        const filter = `${scalar.path} ${operator} ${scalar.literal(value)}`;
        await expectRows(client, rows, filter, (row) => {
          const other = scalar.valueIn(row);
          return other !== undefined && holds(compareValues(other, value));
        });
      }
    }
  },
};

const logic: Law = {
  name: "AND, OR, NOT and parentheses combine filters; OR binds tighter than AND",
  applies: (resource) => filters(resource) && plainText(resource) !== undefined,
  async check(resource, client) {
    const { rows, made } = await prepare(client);
    const text = plainText(resource) as ScalarPath;
    const [a, b, c] = made.map((row) => String(text.valueIn(row))) as [string, string, string];
    const is = (value: string) => `${text.path} = ${quoted(value)}`;
    const among =
      (...values: string[]) =>
      (row: Message) =>
        values.includes(String(text.valueIn(row)));
    await expectRows(client, rows, `${is(a)} OR ${is(b)}`, among(a, b));
    await expectRows(client, rows, `(${is(a)}) OR (${is(b)} OR ${is(c)})`, among(a, b, c));
    await expectRows(
      client,
      rows,
      `${is(a)} AND ${is(b)}`,
      (row) => among(a)(row) && among(b)(row),
    );
    await expectRows(client, rows, `NOT ${is(a)}`, (row) => !among(a)(row));
    await expectRows(client, rows, `-${is(a)}`, (row) => !among(a)(row));
    // Were AND the tighter one, every row of a would be there.
    await expectRows(client, rows, `${is(a)} OR ${is(b)} AND ${is(b)}`, among(b));
    await expectRows(client, rows, `${is(b)} AND ${is(a)} OR ${is(b)}`, among(b));
  },
};

const hostile: Law = {
  name: "text in a filter is text, whatever is in it",
  applies: (resource) => filters(resource) && plainText(resource) !== undefined,
  async check(resource, client) {
    const { path } = plainText(resource) as ScalarPath;
    const { rows } = await prepare(client);
    for (const text of ["'; DROP TABLE x; --", "\\", '"', "%", "_", "a' OR '1'='1", "é🎸", "\n"]) {
      const filter = `${path} = ${quoted(text)}`;
      await expectRows(client, rows, filter, (row) => plainText(resource)?.valueIn(row) === text);
    }
  },
};

const paged: Law = {
  name: "a filter holds on every page, and total_size counts what it leaves",
  applies: (resource) => filters(resource) && plainText(resource) !== undefined,
  async check(resource, client) {
    const { rows, made } = await prepare(client);
    const scalar = plainText(resource) as ScalarPath;
    const [value] = valuesOf(scalar, made);
    const filter = `${scalar.path} != ${scalar.literal(value ?? "")}`;
    const wanted = rows.filter((row) => scalar.valueIn(row) !== value);
    const pages = await client.listAll({ filter }, 3, 300);
    const names = pages.map((row) => client.nameOf(row));
    const expected = wanted.slice(0, names.length).map((row) => client.nameOf(row));
    expectThat(names.join() === expected.join(), `pages of 3 of ${filter} have other rows`);
    if (!resource.methods.List?.fields.has("include_total_size")) return;
    const { totalSize } = await client.list({ filter, pageSize: 1, includeTotalSize: true });
    expectThat(totalSize === wanted.length, `total_size is ${totalSize} of ${wanted.length}`);
  },
};

const byName: Law = {
  name: "a filter for a name answers that resource",
  applies: filters,
  async check(resource, client) {
    const { rows, made } = await prepare(client);
    const name = client.nameOf(made[0] as Message);
    const filter = `${resource.name.name} = ${quoted(name)}`;
    await expectRows(client, rows, filter, (row) => client.nameOf(row) === name);
  },
};

const refused: Law = {
  name: "a filter that cannot be is refused, with the position",
  applies: filters,
  async check(resource, client) {
    const paths = scalarPaths(resource);
    const number = paths.find(({ field }) => typeof field.scalar === "number" && field.scalar < 9);
    const enumerated = paths.find(({ field }) => field.enum);
    const path = plainText(resource)?.path ?? "name";
    const wrong = [
      "no_such_field = 1",
      `${path}.no_such_field = 1`,
      `${path} =`,
      `(${path} = "x"`,
      `${path} = "x`,
      `${path} = "x" AND`,
      `AND ${path} = "x"`,
      `${path} == "x"`,
      `${path} = ${path})`,
      `${path} = "${"x".repeat(10_000)}"`,
      `${"(".repeat(500)}${path} = "x"${")".repeat(500)}`,
    ];
    if (number) wrong.push(`${number.path} = "abc"`);
    if (enumerated) wrong.push(`${enumerated.path} = NO_SUCH_VALUE`);
    for (const filter of wrong) {
      const what = `filter ${filter.slice(0, 60)}`;
      const error = await expectRefused(client.list({ filter }), Code.INVALID_ARGUMENT, what);
      expectViolation(error, /^filter$/, what);
      const [violation] = violationsOf(error);
      expectThat(/\d/.test(violation?.description ?? ""), `${what}: the error tells no position`);
    }
  },
};

/** The laws of filters. */
export const FILTER_LAWS: readonly Law[] = [
  equality,
  comparisons,
  logic,
  hostile,
  paged,
  byName,
  refused,
];

/** New rows, and all that there are. */
async function prepare(
  client: ResourceClient,
): Promise<{ rows: readonly Message[]; made: readonly Message[] }> {
  const made: Message[] = [];
  for (let n = 0; n < 4; n++) made.push(await client.createNew(n < 2));
  return { rows: await client.listAll(), made };
}

/** A few values that can be written in a filter: a `*` in a text would be a wildcard. */
function valuesOf(scalar: ScalarPath, rows: readonly Message[]): readonly Value[] {
  const values = rows.map((row) => scalar.valueIn(row));
  const usable = values.filter((value) => value !== undefined && !String(value).includes("*"));
  return [...new Set(usable as Value[])].slice(0, 2);
}

/** A text that every row has. */
function plainText(resource: Resource): ScalarPath | undefined {
  return scalarPaths(resource).find(
    ({ field, path, hasPresence }) => field.scalar === 9 && !hasPresence && !path.includes("."),
  );
}

async function expectRows(
  client: ResourceClient,
  rows: readonly Message[],
  filter: string,
  holds: (row: Message) => boolean,
): Promise<void> {
  const wanted = new Set(rows.filter(holds).map((row) => client.nameOf(row)));
  const found = new Set((await client.listAll({ filter })).map((row) => client.nameOf(row)));
  const missing = [...wanted].filter((name) => !found.has(name));
  const extra = [...found].filter((name) => !wanted.has(name));
  expectThat(
    missing.length === 0 && extra.length === 0,
    `${filter}: ${missing.length} rows are missing (${missing[0]}), ${extra.length} too many (${extra[0]})`,
  );
}
