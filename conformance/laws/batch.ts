// Laws of batches (AIP-231, AIP-233 to AIP-235): what they do is what the single methods do, in
// order, and all of it or nothing.

import type { Message } from "@bufbuild/protobuf";
import type { RpcError } from "../../src/client/client.ts";
import { Code } from "../codes.ts";
import { notStored } from "../compare.ts";
import type { Resource, Verb } from "../discover.ts";
import { copyOf, requiredFields, withoutField } from "../fields.ts";
import { expectRefused, expectSame, expectThat, type Law } from "../law.ts";
import { errorInfoOf, violationsOf } from "../violations.ts";

const SIZE_MAX = 1000;

const has = (verb: Verb) => (resource: Resource) =>
  Boolean(resource.methods.Create && resource.methods.Get && resource.methods[verb]);

const batchGet: Law = {
  name: "BatchGet answers in the order of the names, and fails as one",
  applies: has("BatchGet"),
  async check(resource, client) {
    const made = [await client.createNew(), await client.createNew(), await client.createNew()];
    const order = [...made].reverse();
    const answers = await client.batchGet(order.map((message) => client.nameOf(message)));
    expectAll(resource, answers, order, "BatchGet");
    const absent = client.nameWithId(client.newId());
    const names = [client.nameOf(made[0] as Message), absent];
    const refused = await expectRefused(client.batchGet(names), Code.NOT_FOUND, "one absent name");
    expectThat(describe(refused).includes(absent), "the error does not tell which name is absent");
    await expectRefused(client.batchGet(["nothings/1"]), Code.INVALID_ARGUMENT, "a wrong name");
  },
};

const batchCreate: Law = {
  name: "BatchCreate creates in order what it was sent",
  applies: has("BatchCreate"),
  async check(resource, client) {
    const sent = [1, 2, 3, 4].map((n) => client.maker.make(n === 1));
    const requests = sent.map((each) => client.createRequest(copyOf(resource, each)));
    const answers = await client.batchCreate(requests);
    expectThat(answers.length === sent.length, `it answers ${answers.length} of ${sent.length}`);
    for (const [index, answer] of answers.entries()) {
      const missing = notStored(resource, sent[index] as Message, answer);
      expectThat(missing.length === 0, `requests[${index}]: ${missing.join(", ")} was not stored`);
      const read = await client.get(client.nameOf(answer));
      expectSame(resource, read, answer, `Get of requests[${index}]`);
    }
    expectThat(new Set(answers.map((each) => client.nameOf(each))).size === 4, "names repeat");
  },
};

const batchUpdate: Law = {
  name: "BatchUpdate updates in order what it was sent",
  applies: has("BatchUpdate"),
  async check(resource, client) {
    const [one, other] = [await client.createNew(), await client.createNew()];
    const make = (message: Message) => client.named(client.maker.make(), client.nameOf(message));
    const sent = [one, other].map(make);
    const requests = sent.map((each) => client.updateRequest(copyOf(resource, each), ["*"]));
    const answers = await client.batchUpdate(requests);
    expectThat(answers.length === sent.length, `it answers ${answers.length} of ${sent.length}`);
    for (const [index, answer] of answers.entries()) {
      const missing = notStored(resource, sent[index] as Message, answer);
      expectThat(missing.length === 0, `requests[${index}]: ${missing.join(", ")} was not stored`);
    }
    for (const [index, answer] of answers.entries()) {
      expectSame(resource, await client.get(client.nameOf(answer)), answer, `requests[${index}]`);
    }
    // Both updates would be answered with one etag, by which the first could undo the second.
    const twice = [one, other, one].map((message) => client.updateRequest(make(message), ["*"]));
    const what = "BatchUpdate of one resource twice";
    const refused = await expectRefused(client.batchUpdate(twice), Code.INVALID_ARGUMENT, what);
    expectThat(describe(refused).includes("requests[2]"), `${what}: the error does not name it`);
    expectSame(resource, await client.get(client.nameOf(one)), answers[0] as Message, what);
  },
};

const batchDelete: Law = {
  name: "BatchDelete deletes what it was sent",
  applies: has("BatchDelete"),
  async check(resource, client) {
    const made = [await client.createNew(), await client.createNew(), await client.createNew()];
    const [first, second, kept] = made as [Message, Message, Message];
    await client.batchDelete([first, second].map((each) => ({ name: client.nameOf(each) })));
    for (const message of [first, second]) {
      await expectRefused(client.get(client.nameOf(message)), Code.NOT_FOUND, "Get");
    }
    expectSame(resource, await client.get(client.nameOf(kept)), kept, "another resource");
  },
};

const atomic: Law = {
  name: "a batch with one bad item changes nothing, and the error names requests[i]",
  applies: (resource) =>
    has("BatchCreate")(resource) || has("BatchUpdate")(resource) || has("BatchDelete")(resource),
  async check(resource, client) {
    const { methods } = resource;
    const created = await client.createNew();
    const name = client.nameOf(created);
    const absent = client.nameWithId(client.newId());
    const count = await client.count();
    const update = (to: string) =>
      client.updateRequest(client.named(client.maker.make(), to), ["*"]);
    const calls: [Verb, number, () => Promise<unknown>][] = [
      ["BatchUpdate", Code.NOT_FOUND, () => client.batchUpdate([update(name), update(absent)])],
      ["BatchDelete", Code.NOT_FOUND, () => client.batchDelete([{ name }, { name: absent }])],
    ];
    for (const field of requiredFields(resource).slice(0, 1)) {
      const bad = withoutField(resource, client.maker.make(), field);
      const items = [client.maker.make(), bad].map((each) => client.createRequest(each));
      calls.push(["BatchCreate", Code.INVALID_ARGUMENT, () => client.batchCreate(items)]);
    }
    if (client.idField !== undefined) {
      const taken = { [client.idField]: name.replace(/^.*\//, "") };
      const items = [
        client.createRequest(client.maker.make()),
        client.createRequest(client.maker.make(), taken),
      ];
      calls.push(["BatchCreate", Code.ALREADY_EXISTS, () => client.batchCreate(items)]);
    }
    for (const [verb, code, call] of calls) {
      if (!methods[verb]) continue;
      const refused = await expectRefused(call(), code, `${verb} with a bad item`);
      expectThat(
        describe(refused).includes("requests[1]"),
        `${verb}: the error does not name requests[1]: ${refused.message}`,
      );
      expectThat((await client.count()) === count, `${verb} changed the number of rows`);
      expectSame(resource, await client.get(name), created, `the other resource after ${verb}`);
    }
  },
};

const sizes: Law = {
  name: `empty batches and those of more than ${SIZE_MAX} are refused, those of ${SIZE_MAX} are not`,
  applies: (resource) =>
    (["BatchGet", "BatchCreate", "BatchUpdate", "BatchDelete"] as const).some((verb) =>
      has(verb)(resource),
    ),
  async check({ methods }, client) {
    const name = client.nameOf(await client.createNew());
    const count = await client.count();
    const message = client.maker.make();
    const item = (verb: Verb): unknown => {
      if (verb === "BatchGet") return name;
      if (verb === "BatchCreate") return client.createRequest(message);
      if (verb === "BatchDelete") return { name };
      return client.updateRequest(client.named(message, name), ["*"]);
    };
    for (const verb of ["BatchGet", "BatchCreate", "BatchUpdate", "BatchDelete"] as const) {
      const shape = methods[verb];
      if (!shape) continue;
      const send = (length: number, extra = {}) => {
        const list = Array.from({ length }, () => item(verb));
        const key = verb === "BatchGet" ? "names" : "requests";
        return client.call(verb, { [key]: list, ...extra });
      };
      for (const length of [0, SIZE_MAX + 1]) {
        await expectRefused(send(length), Code.INVALID_ARGUMENT, `${verb} of ${length}`);
      }
      // To delete or update the same row a thousand times is another matter.
      if (verb === "BatchDelete" || verb === "BatchUpdate") continue;
      const only = shape.fields.has("validate_only") ? { validateOnly: true } : {};
      if (verb === "BatchGet" || shape.fields.has("validate_only")) await send(SIZE_MAX, only);
    }
    expectThat((await client.count()) === count, "the number of rows has changed");
  },
};

const itemOptions: Law = {
  name: "an item of a batch has no request_id and no validate_only of its own",
  applies: (resource) => {
    const item = resource.methods.BatchCreate?.fields.get("requests")?.message;
    return (
      has("BatchCreate")(resource) &&
      Boolean(item?.fields.some(({ name }) => name === "request_id"))
    );
  },
  async check(_resource, client) {
    const extras = [{ validateOnly: true }, { requestId: "9b2c3d4e-1f2a-4b3c-8d4e-5f6a7b8c9d0e" }];
    for (const extra of extras) {
      const item = client.createRequest(client.maker.make(), extra);
      const what = `BatchCreate of an item with ${Object.keys(extra)}`;
      const refused = await expectRefused(client.batchCreate([item]), Code.INVALID_ARGUMENT, what);
      expectThat(describe(refused).includes("requests[0]"), `${what}: the error does not name it`);
    }
  },
};

/** The laws of batches. */
export const BATCH_LAWS: readonly Law[] = [
  batchGet,
  batchCreate,
  batchUpdate,
  batchDelete,
  atomic,
  sizes,
  itemOptions,
];

function expectAll(
  resource: Resource,
  actual: readonly Message[],
  expected: readonly Message[],
  what: string,
): void {
  expectThat(actual.length === expected.length, `${what}: ${actual.length} of ${expected.length}`);
  for (const [index, message] of actual.entries()) {
    expectSame(resource, message, expected[index] as Message, `${what}, item ${index}`);
  }
}

/** Everything that an error tells. */
function describe(error: RpcError): string {
  const fields = violationsOf(error).map(({ field }) => field);
  const metadata = Object.values(errorInfoOf(error)?.metadata ?? {});
  return [error.message, ...fields, ...metadata].join("\n");
}
