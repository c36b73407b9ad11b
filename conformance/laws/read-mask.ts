// Laws of partial answers (AIP-157): read_mask and view leave out what they should, and nothing that
// they keep is other than in the whole resource.

import type { Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Extra, ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import { type Resource, type Verb, valueNamed } from "../discover.ts";
import { expectRefused, expectSame, expectThat, expectViolation, type Law } from "../law.ts";

const VERBS = ["Get", "List", "BatchGet"] as const satisfies readonly Verb[];

const reads = (field: string) => (resource: Resource) =>
  Boolean(resource.methods.Create && resource.methods.Get?.fields.has(field));

const readMask: Law = {
  name: "read_mask answers the fields in it as they are, and no others",
  applies: reads("read_mask"),
  async check(resource, client) {
    const created = await client.createNew(true);
    for (const field of resource.desc.fields) {
      const extra = { readMask: { paths: [field.name] } };
      for (const [what, part] of await readEach(client, created, extra)) {
        expectPart(resource, part, created, [field.name], `${what} with read_mask ${field.name}`);
      }
    }
    const [first, second] = resource.desc.fields.slice(1).map(({ name }) => name);
    const both = [first, second].filter((name) => name !== undefined);
    for (const [what, part] of await readEach(client, created, { readMask: { paths: both } })) {
      expectPart(resource, part, created, both, `${what} with read_mask ${both.join()}`);
    }
    for (const paths of [["*"], []]) {
      const whole = await client.get(client.nameOf(created), { readMask: { paths } });
      expectSame(resource, whole, created, `Get with read_mask [${paths}]`);
    }
  },
};

const unknownMask: Law = {
  name: "a read_mask that names no field is refused",
  applies: reads("read_mask"),
  async check({ methods }, client) {
    const name = client.nameOf(await client.createNew());
    const extra = { readMask: { paths: ["no_such_field"] } };
    const calls: [Verb, () => Promise<unknown>][] = [
      ["Get", () => client.get(name, extra)],
      ["List", () => client.list(extra)],
      ["BatchGet", () => client.batchGet([name], extra)],
    ];
    for (const [verb, call] of calls) {
      if (!methods[verb]?.fields.has("read_mask")) continue;
      const what = `${verb} with read_mask no_such_field`;
      const refused = await expectRefused(call(), Code.INVALID_ARGUMENT, what);
      expectViolation(refused, /^read_mask/, what);
    }
  },
};

const views: Law = {
  name: "view FULL answers everything, BASIC a part of it that has the name",
  applies: reads("view"),
  async check(resource, client) {
    const { enum: type } = resource.methods.Get?.fields.get("view") ?? {};
    const full = type && valueNamed(type, "FULL");
    const basic = type && valueNamed(type, "BASIC");
    const created = await client.createNew(true);
    for (const [what, whole] of await readEach(client, created, { view: full ?? 0 })) {
      expectSame(resource, whole, created, `${what} with view FULL`);
    }
    for (const [what, part] of await readEach(client, created, { view: basic ?? 0 })) {
      const target = reflect(resource.desc, part);
      const kept = resource.desc.fields.filter((field) => target.isSet(field));
      expectThat(kept.includes(resource.name), `${what} with view BASIC has no name`);
      const names = kept.map(({ name }) => name);
      expectPart(resource, part, created, names, `${what} with view BASIC`);
    }
    const unknown = client.get(client.nameOf(created), { view: 9999 });
    await expectRefused(unknown, Code.INVALID_ARGUMENT, "Get with view 9999");
  },
};

/** The laws of partial answers. */
export const READ_MASK_LAWS: readonly Law[] = [readMask, unknownMask, views];

/** The resource as each method answers it that takes the fields of `extra`. */
async function readEach(
  client: ResourceClient,
  message: Message,
  extra: Extra,
): Promise<readonly (readonly [Verb, Message])[]> {
  const name = client.nameOf(message);
  const answers: (readonly [Verb, Message])[] = [];
  for (const verb of VERBS) {
    const taken = client.resource.methods[verb];
    const locals = [...(taken?.fields.values() ?? [])].map(({ localName }) => localName);
    if (!Object.keys(extra).every((key) => locals.includes(key))) continue;
    if (verb === "Get") answers.push([verb, await client.get(name, extra)]);
    if (verb === "BatchGet")
      answers.push([verb, (await client.batchGet([name], extra))[0] as Message]);
    if (verb === "List") {
      // Without its name a row is found by its place: the pages of both Lists are in one order.
      const all = await client.listAll();
      const index = all.findIndex((each) => client.nameOf(each) === name);
      const parts = await client.listAll(extra);
      expectThat(
        parts.length === all.length,
        "List answers another number of rows if they are cut",
      );
      answers.push([verb, parts[index] as Message]);
    }
  }
  return answers;
}

/** `part` has the fields `names` as `whole` has them, and no others; the name may always be there. */
function expectPart(
  resource: Resource,
  part: Message,
  whole: Message,
  names: readonly string[],
  what: string,
): void {
  const target = reflect(resource.desc, part);
  const extra = resource.desc.fields.filter(
    (field) => target.isSet(field) && !names.includes(field.name) && field !== resource.name,
  );
  expectThat(extra.length === 0, `${what} answers ${extra.map(({ name }) => name).join(", ")} too`);
  expectSame(resource, part, whole, what, (field) => !names.includes(field.name));
}
