// Laws of update masks (AIP-134, AIP-161): what a mask selects is changed, and nothing else.
// The messages that are sent have every field set, so that too much would be seen.

import type { DescField, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code } from "../codes.ts";
import { differences, notStored } from "../compare.ts";
import type { Resource } from "../discover.ts";
import { changeableFields, copyOf, isServers, withField } from "../fields.ts";
import {
  expectRefused,
  expectSame,
  expectThat,
  expectViolation,
  type Law,
  NotDeclared,
} from "../law.ts";

const hasUpdate = ({ methods }: Resource) =>
  Boolean(methods.Create && methods.Update?.fields.has("update_mask"));

const locality: Law = {
  name: "Update with a mask changes the field in it and no other",
  applies: hasUpdate,
  async check(resource, client) {
    let current = await client.createNew(true);
    for (const field of changeableFields(client)) {
      const sent = withField(
        resource,
        client.maker.make(true),
        client.maker.makeField(field),
        field,
      );
      const answer = await client.update(client.named(sent, client.nameOf(current)), [field.name]);
      expectChangedOnly(resource, [current, sent, answer], [field], field.name);
      const read = await client.get(client.nameOf(current));
      expectSame(resource, read, answer, `Get after Update of ${field.name}`);
      current = answer;
    }
  },
};

const clearing: Law = {
  name: "Update clears a field that is in the mask and not in the resource",
  applies: hasUpdate,
  async check(resource, client) {
    const current = await client.createNew(true);
    for (const field of changeableFields(client)) {
      const source = reflect(resource.desc, copyOf(resource, current));
      source.clear(field);
      const sent = client.named(source.message, client.nameOf(current));
      try {
        const answer = reflect(resource.desc, await client.update(sent, [field.name]));
        expectThat(!answer.isSet(field), `${field.name} is still set`);
      } catch (error) {
        // A REQUIRED field may not be cleared; that is another law.
        await expectRefused(
          Promise.reject(error),
          Code.INVALID_ARGUMENT,
          `Update of ${field.name}`,
        );
      }
    }
  },
};

const identity: Law = {
  name: "Update with what is there changes nothing",
  applies: hasUpdate,
  async check(resource, client) {
    const created = await client.createNew(true);
    const masks = [["*"], undefined, changeableFields(client).map(({ name }) => name)];
    for (const mask of masks) {
      const sent = client.named(copyOf(resource, created), client.nameOf(created));
      const answer = await client.update(sent, mask);
      const what = `Update with mask ${mask?.join() ?? "absent"}`;
      expectSame(resource, answer, created, what, isServers(resource));
    }
  },
};

const replacement: Law = {
  name: "Update with * replaces everything that a client may set",
  applies: hasUpdate,
  async check(resource, client) {
    const created = await client.createNew(true);
    for (let round = 0; round < 5; round++) {
      const sent = client.named(client.maker.make(), client.nameOf(created));
      const answer = await client.update(sent, ["*"]);
      const missing = notStored(resource, sent, answer);
      expectThat(missing.length === 0, `Update did not store ${missing.join(", ")}`);
      const [source, target] = [reflect(resource.desc, sent), reflect(resource.desc, answer)];
      for (const field of changeableFields(client)) {
        const stayed = target.isSet(field) && !source.isSet(field);
        expectThat(!stayed, `${field.name} was not sent and is still set`);
      }
      const read = await client.get(client.nameOf(created));
      expectSame(resource, read, answer, "Get after Update with *");
    }
  },
};

const absentMask: Law = {
  name: "Update without a mask changes the fields that are set",
  applies: hasUpdate,
  async check(resource, client) {
    const created = await client.createNew(true);
    const sent = client.named(client.maker.make(), client.nameOf(created));
    const set = changeableFields(client).filter((field) =>
      reflect(resource.desc, sent).isSet(field),
    );
    const answer = await client.update(copyOf(resource, sent), undefined);
    expectChangedOnly(resource, [created, sent, answer], set, "the fields that were sent");
  },
};

const nestedPath: Law = {
  name: "Update with a nested path changes that part of a message and no other",
  applies: (resource) => hasUpdate(resource) && nestedPaths(resource).length > 0,
  async check(resource, client) {
    for (const [outer, inner] of nestedPaths(resource)) {
      const current = await client.createNew(true);
      const sent = client.named(client.maker.make(true), client.nameOf(current));
      const [before, patch] = [reflect(resource.desc, current), reflect(resource.desc, sent)];
      // A oneof holds one of its fields only, and it may be another one.
      if (!before.isSet(outer) || !patch.isSet(outer)) continue;
      const path = `${outer.name}.${inner.name}`;
      const answer = await client.update(sent, [path]);
      expectChangedOnly(resource, [current, sent, answer], [outer], path, true);
      const nested = (message: Message) =>
        reflect(resource.desc, message).get(outer as never) as ReturnType<typeof reflect>;
      const { registry } = resource;
      const desc = nested(current).desc;
      const changed = differences(
        { desc, registry },
        nested(current).message,
        nested(answer).message,
      );
      const extra = changed.filter((name) => name !== inner.name);
      expectThat(extra.length === 0, `${path} changed ${outer.name}.${extra.join()} too`);
      const same = differences(
        { desc, registry },
        nested(sent).message,
        nested(answer).message,
        (field) => field !== inner,
      );
      expectThat(same.length === 0, `${path} was not stored`);
    }
  },
};

const mapKey: Law = {
  name: "Update with the key of a map changes that entry and no other",
  applies: (resource) => hasUpdate(resource) && Boolean(textMap(resource)),
  async check(resource, client) {
    const field = textMap(resource);
    if (field?.fieldKind !== "map") throw new NotDeclared("no map of texts");
    const message = client.maker.make(true);
    const entries = reflect(resource.desc, message).get(field);
    for (const [key] of [...entries]) entries.delete(key);
    entries.set("one", "1").set("two words", "2");
    const created = await client.create(message);
    const sent = client.named(client.maker.make(true), client.nameOf(created));
    const patch = reflect(resource.desc, sent).get(field);
    patch.set("one", "changed").set("two words", "changed");
    const masks = [`${field.name}.one`, `${field.name}.\`two words\``];
    let current = created;
    for (const [index, mask] of masks.entries()) {
      const answer = await client.update(copyOf(resource, sent), [mask]);
      expectChangedOnly(resource, [current, sent, answer], [field], mask, true);
      const got = Object.fromEntries(reflect(resource.desc, answer).get(field));
      const wanted = { one: "changed", "two words": index === 0 ? "2" : "changed" };
      expectThat(
        got.one === wanted.one &&
          got["two words"] === wanted["two words"] &&
          Object.keys(got).length === 2,
        `${mask} made ${JSON.stringify(got)} of {"one":"1","two words":"2"}`,
      );
      current = answer;
    }
  },
};

const unknownPath: Law = {
  name: "a mask that names no field is refused and changes nothing",
  applies: hasUpdate,
  async check(resource, client) {
    const created = await client.createNew(true);
    for (const path of ["no_such_field", "name.no_such_field", "", "*.name", "a..b"]) {
      const sent = client.named(client.maker.make(true), client.nameOf(created));
      const refused = await expectRefused(
        client.update(sent, [path, client.resource.name.name]),
        Code.INVALID_ARGUMENT,
        `Update with mask "${path}"`,
      );
      expectViolation(refused, /^update_mask/, `Update with mask "${path}"`);
    }
    expectSame(resource, await client.get(client.nameOf(created)), created, "Get after refusals");
  },
};

/** The laws of update masks. */
export const MASK_LAWS: readonly Law[] = [
  locality,
  clearing,
  identity,
  replacement,
  absentMask,
  nestedPath,
  mapKey,
  unknownPath,
];

/** `fields` of the answer are as they were sent, the others as they were before. */
function expectChangedOnly(
  resource: Resource,
  [before, sent, answer]: readonly [Message, Message, Message],
  fields: readonly DescField[],
  what: string,
  partly = false,
): void {
  const servers = isServers(resource);
  const oneofs = fields.map(({ oneof }) => oneof).filter((oneof) => oneof !== undefined);
  const mayChange = (field: DescField) =>
    servers(field) ||
    fields.includes(field) ||
    (field.oneof !== undefined && oneofs.includes(field.oneof));
  expectSame(resource, answer, before, `Update of ${what}, the other fields`, mayChange);
  if (partly) return;
  for (const field of fields) {
    const only = withField(resource, reflect(resource.desc).message, sent, field);
    const missing = notStored(resource, only, answer);
    expectThat(missing.length === 0, `Update of ${what} did not store ${missing.join(", ")}`);
  }
}

function nestedPaths(resource: Resource): readonly (readonly [DescField, DescField])[] {
  return resource.desc.fields.flatMap((outer) => {
    const isPlain = outer.fieldKind === "message" && !outer.message.typeName.startsWith("google.");
    if (!isPlain || isServers(resource)(outer)) return [];
    return outer.message.fields.slice(0, 3).map((inner) => [outer, inner] as const);
  });
}

function textMap({ desc }: Resource): DescField | undefined {
  return desc.fields.find(
    (field) =>
      field.fieldKind === "map" &&
      field.mapKind === "scalar" &&
      field.mapKey === 9 &&
      field.scalar === 9,
  );
}
