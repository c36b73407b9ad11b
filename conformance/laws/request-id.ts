// Laws of request_id (AIP-155): a request that is repeated with its id is answered as at first and is
// not done again; the id with another request is refused.

import { randomUUID } from "node:crypto";
import type { ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import type { Resource, Verb } from "../discover.ts";
import { copyOf } from "../fields.ts";
import { expectRefused, expectSame, expectThat, expectViolation, type Law } from "../law.ts";

const takesId = (verb: Verb) => (resource: Resource) =>
  Boolean(resource.methods.Create && resource.methods[verb]?.fields.has("request_id"));

const createOnce: Law = {
  name: "a repeated Create with its request_id answers the same and creates nothing",
  applies: takesId("Create"),
  async check(resource, client) {
    const extra = { requestId: randomUUID() };
    const message = client.maker.make(true);
    const first = await client.create(copyOf(resource, message), extra);
    const count = await client.count();
    const again = await client.create(copyOf(resource, message), extra);
    expectSame(resource, again, first, "the repeated Create");
    expectThat((await client.count()) === count, "the repeated Create made another row");
    await client.delete(client.nameOf(first));
    const later = await client.create(copyOf(resource, message), extra);
    expectSame(resource, later, first, "the Create repeated after a Delete");
    expectThat((await client.count()) === count - 1, "the repeated Create made the row again");
  },
};

const createAtOnce: Law = {
  name: "Creates with one request_id at the same time create one row",
  applies: takesId("Create"),
  async check(resource, client) {
    const extra = { requestId: randomUUID() };
    const message = client.maker.make(true);
    const before = await client.count();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.create(copyOf(resource, message), extra)),
    );
    const [first] = answers;
    for (const answer of answers) if (first) expectSame(resource, answer, first, "one of them");
    const made = (await client.count()) - before;
    expectThat(made === 1, `8 Creates at once made ${made} rows`);
  },
};

const updateOnce: Law = {
  name: "a repeated Update with its request_id answers the same and changes nothing",
  applies: takesId("Update"),
  async check(resource, client) {
    const name = client.nameOf(await client.createNew());
    const extra = { requestId: randomUUID() };
    const message = client.named(client.maker.make(), name);
    const first = await client.update(copyOf(resource, message), ["*"], extra);
    const second = await client.update(client.named(client.maker.make(), name), ["*"]);
    const again = await client.update(copyOf(resource, message), ["*"], extra);
    expectSame(resource, again, first, "the repeated Update");
    expectSame(resource, await client.get(name), second, "Get after the repeated Update");
  },
};

const deleteOnce: Law = {
  name: "a repeated Delete with its request_id is answered as at first",
  applies: takesId("Delete"),
  async check(_resource, client) {
    const name = client.nameOf(await client.createNew());
    const extra = { requestId: randomUUID() };
    await client.delete(name, extra);
    await client.delete(name, extra);
    await expectRefused(client.delete(name), Code.NOT_FOUND, "Delete without the id");
  },
};

const batchOnce: Law = {
  name: "a repeated BatchCreate with its request_id answers the same and creates nothing",
  applies: takesId("BatchCreate"),
  async check(resource, client) {
    const extra = { requestId: randomUUID() };
    const requests = [1, 2, 3].map(() => client.createRequest(client.maker.make()));
    const first = await client.batchCreate(requests, extra);
    const count = await client.count();
    const again = await client.batchCreate(requests, extra);
    for (const [index, message] of first.entries()) {
      const other = again[index];
      expectThat(other !== undefined, "the repeated batch answers with fewer");
      expectSame(resource, other, message, `item ${index} of the repeated batch`);
    }
    expectThat((await client.count()) === count, "the repeated batch made more rows");
  },
};

const otherBody: Law = {
  name: "a request_id with another request is refused",
  applies: takesId("Create"),
  async check({ methods }, client) {
    const extra = { requestId: randomUUID() };
    const created = await client.create(client.maker.make(true), extra);
    const count = await client.count();
    const others: [string, () => Promise<unknown>][] = [
      ["Create of another resource", () => client.create(client.maker.make(true), extra)],
    ];
    if (methods.Update?.fields.has("request_id")) {
      const message = client.named(client.maker.make(), client.nameOf(created));
      others.push(["Update", () => client.update(message, ["*"], extra)]);
    }
    if (methods.Delete?.fields.has("request_id")) {
      others.push(["Delete", () => client.delete(client.nameOf(created), extra)]);
    }
    for (const [what, call] of others) {
      const refused = await expectRefused(call(), Code.INVALID_ARGUMENT, `${what} with a used id`);
      expectViolation(refused, /^request_id$/, `${what} with a used id`);
    }
    expectThat((await client.count()) === count, "a refused request changed the number of rows");
  },
};

const NO_UUID4 = [
  "x",
  "123e4567-e89b-12d3-a456-426614174000",
  "00000000-0000-0000-0000-000000000000",
  "{9b2c3d4e-1f2a-4b3c-8d4e-5f6a7b8c9d0e}",
  "9b2c3d4e1f2a4b3c8d4e5f6a7b8c9d0e",
];

const onlyUuid4: Law = {
  name: "a request_id that is no UUID of version 4 is refused",
  applies: takesId("Create"),
  async check({ methods }, client) {
    const name = client.nameOf(await client.createNew());
    for (const requestId of NO_UUID4) {
      const calls: [Verb, (client: ResourceClient) => Promise<unknown>][] = [
        ["Create", () => client.create(client.maker.make(), { requestId })],
        [
          "Update",
          () => client.update(client.named(client.maker.make(), name), ["*"], { requestId }),
        ],
        ["Delete", () => client.delete(name, { requestId })],
        [
          "BatchCreate",
          () => client.batchCreate([client.createRequest(client.maker.make())], { requestId }),
        ],
      ];
      for (const [verb, call] of calls) {
        if (!methods[verb]?.fields.has("request_id")) continue;
        const what = `${verb} with request_id ${requestId}`;
        const refused = await expectRefused(call(client), Code.INVALID_ARGUMENT, what);
        expectViolation(refused, /^request_id$/, what);
      }
    }
  },
};

/** The laws of request_id. */
export const REQUEST_ID_LAWS: readonly Law[] = [
  createOnce,
  createAtOnce,
  updateOnce,
  deleteOnce,
  batchOnce,
  otherBody,
  onlyUuid4,
];
