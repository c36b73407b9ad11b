// Laws of paging (AIP-158): pages of any size make up the whole, each row once, and a token is good
// for nothing but the next page of the same request.

import type { Message } from "@bufbuild/protobuf";
import type { Extra, ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import type { Resource } from "../discover.ts";
import { expectRefused, expectThat, expectViolation, type Law, NotDeclared } from "../law.ts";

const ROWS = 7;
const HUGE = 2 ** 31 - 1;
/** Of a long list only the first pages of a size are compared. */
const PAGES_MAX = 100;

const lists = ({ methods }: Resource) => Boolean(methods.Create && methods.List);
const takes = (field: string) => (resource: Resource) =>
  lists(resource) && Boolean(resource.methods.List?.fields.has(field));

const complete: Law = {
  name: "pages of any size list every row once and in one order",
  applies: lists,
  async check(_resource, client) {
    await createRows(client);
    const whole = namesOf(client, await client.listAll());
    expectThat(new Set(whole).size === whole.length, "List repeats a row");
    for (const pageSize of [1, 2, 3, 7, 50, 1000, HUGE]) {
      const some = await client.listAll({}, pageSize, pageSize * PAGES_MAX);
      const names = namesOf(client, some);
      const isPrefix = names.every((name, index) => name === whole[index]);
      expectThat(isPrefix, `pages of ${pageSize} are in another order`);
      const isWhole = names.length === whole.length || names.length >= pageSize * PAGES_MAX;
      expectThat(isWhole, `pages of ${pageSize} have ${names.length} of ${whole.length} rows`);
    }
  },
};

const pageSizes: Law = {
  name: "page_size 0 is the default, a negative one is refused, a page has no more than asked",
  applies: lists,
  async check(_resource, client) {
    await createRows(client);
    const unasked = await client.list();
    expectThat(unasked.items.length > 0, "List without page_size answers no row");
    for (const pageSize of [1, 2, 5, HUGE]) {
      const { items, nextPageToken } = await client.list({ pageSize });
      expectThat(items.length <= pageSize, `page_size ${pageSize} answers ${items.length} rows`);
      expectThat(items.length > 0 || nextPageToken !== "", `page_size ${pageSize} answers nothing`);
    }
    for (const pageSize of [-1, -(2 ** 31)]) {
      const call = client.list({ pageSize });
      const refused = await expectRefused(call, Code.INVALID_ARGUMENT, `page_size ${pageSize}`);
      expectViolation(refused, /^page_size$/, `page_size ${pageSize}`);
    }
  },
};

const sizeMayChange: Law = {
  name: "page_size may change from page to page",
  applies: lists,
  async check(_resource, client) {
    await createRows(client);
    const whole = namesOf(client, await client.listAll());
    const names: string[] = [];
    let pageToken = "";
    for (let pageSize = 1; pageSize < PAGES_MAX; pageSize++) {
      const page = await client.list({ pageSize, pageToken });
      names.push(...namesOf(client, page.items));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expectThat(
      names.join() === whole.slice(0, names.length).join(),
      "rows are skipped or repeated",
    );
    expectThat(pageToken !== "" || names.length === whole.length, "rows are missing at the end");
  },
};

const boundToken: Law = {
  name: "a page_token with other arguments is refused",
  applies: (resource) =>
    ["filter", "order_by", "show_deleted"].some((field) => takes(field)(resource)),
  async check({ methods, desc }, client) {
    await createRows(client);
    const { nextPageToken: pageToken } = await client.list({ pageSize: 2 });
    expectThat(pageToken !== "", "there is no second page");
    const [field] = desc.fields.slice(1).filter(({ fieldKind }) => fieldKind === "scalar");
    const others: Extra[] = [];
    if (methods.List?.fields.has("filter")) others.push({ filter: `${field?.name} != "x"` });
    if (methods.List?.fields.has("order_by")) others.push({ orderBy: field?.name });
    if (methods.List?.fields.has("show_deleted")) others.push({ showDeleted: true });
    for (const other of others) {
      const what = `a token with ${JSON.stringify(other)}`;
      const call = client.list({ pageSize: 2, pageToken, ...other });
      const refused = await expectRefused(call, Code.INVALID_ARGUMENT, what);
      expectViolation(refused, /^page_token$/, what);
    }
    await client.list({ pageSize: 2, pageToken });
  },
};

const sealedToken: Law = {
  name: "a page_token that was tampered with, or is of another List, is refused",
  applies: lists,
  async check({ type }, client) {
    await createRows(client);
    const { nextPageToken: token } = await client.list({ pageSize: 2 });
    expectThat(token !== "", "there is no second page");
    expectThat(/^[\w.~=-]+$/.test(token), `the token is not URL-safe: ${token}`);
    const middle = Math.floor(token.length / 2);
    const flip = (at: number) =>
      token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
    const wrong = new Map([
      ["another letter in the middle", flip(middle)],
      ["another letter at the beginning", flip(0)],
      ["a shorter one", token.slice(0, -4)],
      ["a longer one", `${token}AAAA`],
      ["garbage", "x"],
      ["not base64", "%%%"],
    ]);
    for (const other of client.others()) {
      if (other.resource.type === type || !other.resource.methods.List) continue;
      const { nextPageToken } = await other.list({ pageSize: 1 });
      if (nextPageToken !== "") wrong.set(`one of ${other.resource.desc.name}`, nextPageToken);
    }
    for (const [what, pageToken] of wrong) {
      const call = client.list({ pageSize: 2, pageToken });
      const refused = await expectRefused(call, Code.INVALID_ARGUMENT, `a token, ${what}`);
      expectViolation(refused, /^page_token$/, `a token, ${what}`);
    }
  },
};

const skip: Law = {
  name: "skip passes over as many rows as it says, on any page",
  applies: takes("skip"),
  async check(_resource, client) {
    await createRows(client);
    const whole = namesOf(client, await client.listAll());
    for (const n of [0, 1, 3, whole.length - 1, whole.length, whole.length + 10]) {
      const { items } = await client.list({ pageSize: 3, skip: n });
      const wanted = whole.slice(n, n + 3);
      expectThat(namesOf(client, items).join() === wanted.join(), `skip ${n} begins elsewhere`);
    }
    const { nextPageToken: pageToken } = await client.list({ pageSize: 2, skip: 1 });
    const second = await client.list({ pageSize: 2, pageToken, skip: 1 });
    const wanted = whole.slice(4, 6);
    expectThat(namesOf(client, second.items).join() === wanted.join(), "skip on the second page");
    await expectRefused(client.list({ skip: -1 }), Code.INVALID_ARGUMENT, "skip -1");
  },
};

const totalSize: Law = {
  name: "total_size counts the rows of all pages",
  applies: (resource) =>
    lists(resource) &&
    Boolean(resource.methods.List?.method.output.fields.some(({ name }) => name === "total_size")),
  async check({ methods }, client) {
    const asked = methods.List?.fields.has("include_total_size") ? { includeTotalSize: true } : {};
    await createRows(client);
    const all = await client.listAll();
    const first = await client.list({ pageSize: 2, ...asked });
    if (first.totalSize === 0) throw new NotDeclared("it is never set");
    expectThat(first.totalSize === all.length, `it is ${first.totalSize} of ${all.length} rows`);
    const rest = { pageSize: 2, pageToken: first.nextPageToken, ...asked };
    const second = await client.list(rest);
    expectThat(second.totalSize === all.length, `on page 2 it is ${second.totalSize}`);
  },
};

const concurrent: Law = {
  name: "rows that stay are listed once while others come and go",
  applies: (resource) => lists(resource) && Boolean(resource.methods.Delete),
  async check({ methods, desc }, client) {
    const orders: (string | undefined)[] = [undefined];
    const text = desc.fields.find(
      ({ scalar, name }) => scalar === 9 && name !== "name" && name !== "etag",
    );
    if (methods.List?.fields.has("order_by") && text) orders.push(`${text.name} desc`);
    for (const orderBy of orders) {
      const stay = new Set(namesOf(client, await client.listAll()));
      const leave: string[] = [];
      for (let n = 0; n < 12; n++) {
        const name = client.nameOf(await client.createNew());
        if (n % 2 === 0) stay.add(name);
        else leave.push(name);
      }
      const pageSize = Math.max(2, Math.ceil(stay.size / 12));
      const seen: string[] = [];
      let pageToken = "";
      do {
        const request = { pageSize, pageToken, ...(orderBy !== undefined && { orderBy }) };
        const writes: Promise<unknown>[] = [client.createNew()];
        const gone = leave.pop();
        if (gone !== undefined) writes.push(client.delete(gone));
        const [page] = await Promise.all([client.list(request), ...writes]);
        seen.push(...namesOf(client, page.items));
        pageToken = page.nextPageToken;
      } while (pageToken !== "" && seen.length < stay.size * 3 + 1000);
      const where = orderBy === undefined ? "" : ` by ${orderBy}`;
      expectThat(new Set(seen).size === seen.length, `a row is repeated${where}`);
      const missing = [...stay].filter((name) => !seen.includes(name));
      expectThat(missing.length === 0, `${missing.length} rows are skipped${where}: ${missing[0]}`);
    }
  },
};

/** The laws of paging. */
export const PAGING_LAWS: readonly Law[] = [
  complete,
  pageSizes,
  sizeMayChange,
  boundToken,
  sealedToken,
  skip,
  totalSize,
  concurrent,
];

async function createRows(client: ResourceClient): Promise<void> {
  for (let n = 0; n < ROWS; n++) await client.createNew();
}

function namesOf(client: ResourceClient, messages: readonly Message[]): readonly string[] {
  return messages.map((message) => client.nameOf(message));
}
