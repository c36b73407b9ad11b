// Laws of order_by (AIP-132): values go up, with `desc` down, over all pages. An absent value comes
// first or last, as the server likes, but not in between.

import type { Message } from "@bufbuild/protobuf";
import type { ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import type { Resource } from "../discover.ts";
import { compareValues, type ScalarPath, scalarPaths, type Value } from "../fields.ts";
import { expectRefused, expectThat, expectViolation, type Law } from "../law.ts";

const FIELDS_MAX = 12;
const PAGE_SIZE = 40;
/** Of a long list only the first pages are compared. */
const PAGES_MAX = 60;

const orders = ({ methods }: Resource) =>
  Boolean(methods.Create && methods.List?.fields.has("order_by"));

const ordered: Law = {
  name: "order_by puts the values of a field in order, desc the other way round",
  applies: orders,
  async check(resource, client) {
    for (let n = 0; n < 6; n++) await client.createNew(n % 2 === 0);
    const whole = await client.listAll();
    for (const scalar of scalarPaths(resource).slice(0, FIELDS_MAX)) {
      const up = await client.listAll({ orderBy: scalar.path }, PAGE_SIZE);
      expectPermutation(client, up, whole, scalar.path);
      const values = up.map((message) => scalar.valueIn(message));
      expectRising(values, scalar, scalar.path);
      const down = await client.listAll({ orderBy: `${scalar.path} desc` }, PAGE_SIZE);
      expectPermutation(client, down, whole, `${scalar.path} desc`);
      const reversed = down.map((message) => scalar.valueIn(message)).reverse();
      expectRising(reversed, scalar, `${scalar.path} desc`);
    }
  },
};

const stable: Law = {
  name: "order_by is the same on pages of any size, also among equal values",
  applies: orders,
  async check(resource, client) {
    const message = client.maker.make(true);
    for (let n = 0; n < 5; n++) await client.create(message);
    for (const orderBy of mixedOrders(resource)) {
      const whole = await client.listAll({ orderBy });
      for (const pageSize of [2, 7]) {
        const pages = await client.listAll({ orderBy }, pageSize, pageSize * PAGES_MAX);
        const isSame = pages.every(
          (each, index) => client.nameOf(each) === client.nameOf(whole[index] ?? message),
        );
        expectThat(isSame, `pages of ${pageSize} by ${orderBy} are in another order`);
        const isWhole = pages.length === whole.length || pages.length >= pageSize * PAGES_MAX;
        expectThat(isWhole, `pages of ${pageSize} by ${orderBy} end too early`);
      }
    }
  },
};

const several: Law = {
  name: "order_by of several fields puts equal values of the first in the order of the second",
  applies: (resource) => orders(resource) && scalarPaths(resource).length > 1,
  async check(resource, client) {
    for (let n = 0; n < 4; n++) await client.createNew(true);
    const [first, second] = scalarPaths(resource)
      .filter(({ hasPresence }) => !hasPresence)
      .concat(scalarPaths(resource)) as [ScalarPath, ScalarPath];
    const message = client.maker.make(true);
    for (let n = 0; n < 3; n++) await client.create(message);
    const orderBy = `  ${first.path} ,${second.path}   desc `;
    const rows = await client.listAll({ orderBy }, PAGE_SIZE);
    for (const [index, row] of rows.entries()) {
      const before = rows[index - 1];
      if (!before) continue;
      const [a, b] = [first.valueIn(before), first.valueIn(row)];
      if (a === undefined || b === undefined) continue;
      expectThat(compareValues(a, b) <= 0, `"${orderBy}": ${String(a)} is before ${String(b)}`);
      const [c, d] = [second.valueIn(before), second.valueIn(row)];
      if (compareValues(a, b) !== 0 || c === undefined || d === undefined) continue;
      expectThat(compareValues(c, d) >= 0, `"${orderBy}": ${String(c)} is before ${String(d)}`);
    }
  },
};

const refused: Law = {
  name: "an order_by that cannot be is refused",
  applies: orders,
  async check(resource, client) {
    const [scalar] = scalarPaths(resource);
    const path = scalar?.path ?? "name";
    const wrong = [
      "no_such_field",
      `${path} descending`,
      `${path},,${path}`,
      `${path}.x`,
      "1 desc",
    ];
    for (const orderBy of [...wrong, `${path}; DROP TABLE x`, "(SELECT 1)", "desc desc"]) {
      const what = `order_by "${orderBy}"`;
      const error = await expectRefused(client.list({ orderBy }), Code.INVALID_ARGUMENT, what);
      expectViolation(error, /^order_by$/, what);
    }
  },
};

/** The laws of order_by. */
export const ORDER_LAWS: readonly Law[] = [ordered, stable, several, refused];

/** Orders up, down and both at once: a server has to find the next page in each in its own way. */
function mixedOrders(resource: Resource): readonly string[] {
  const paths = scalarPaths(resource).map(({ path }) => path);
  const present = scalarPaths(resource).filter(({ hasPresence }) => !hasPresence);
  const [first = "name", second = "name"] = [...present.map(({ path }) => path), ...paths];
  const single = paths.slice(0, 3).flatMap((path) => [path, `${path} desc`]);
  return [...single, `${first}, ${second} desc`, `${first} desc, ${paths.at(-1)}`];
}

function expectRising(
  values: readonly (Value | undefined)[],
  { path }: ScalarPath,
  orderBy: string,
): void {
  const present = values.filter((value) => value !== undefined);
  for (const [index, value] of present.entries()) {
    const before = present[index - 1];
    if (before === undefined) continue;
    const isRising = compareValues(before, value) <= 0;
    expectThat(
      isRising,
      `by ${orderBy}, ${path} ${String(before)} and ${String(value)} are swapped`,
    );
  }
  const first = values.findIndex((value) => value !== undefined);
  const last = values.findLastIndex((value) => value !== undefined);
  const isTogether = first === -1 || last - first + 1 === present.length;
  expectThat(isTogether, `by ${orderBy}, rows without ${path} are among those with it`);
  expectThat(
    first <= 0 || last === values.length - 1,
    `by ${orderBy}, rows without ${path} are at both ends`,
  );
}

function expectPermutation(
  client: ResourceClient,
  actual: readonly Message[],
  expected: readonly Message[],
  orderBy: string,
): void {
  const names = new Set(actual.map((message) => client.nameOf(message)));
  expectThat(names.size === actual.length, `by ${orderBy}, a row is repeated`);
  const missing = expected.filter((message) => !names.has(client.nameOf(message)));
  expectThat(missing.length === 0, `by ${orderBy}, ${missing.length} rows are missing`);
}
