// Laws of the beginning and the end of a resource: chosen ids (AIP-133), allow_missing (AIP-134,
// AIP-135), Delete and its force (AIP-135).

import type { DescField } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import { notStored } from "../compare.ts";
import { isWritable, type Resource, referenceOf } from "../discover.ts";
import { copyOf, requiredFields, withoutField } from "../fields.ts";
import {
  codeOf,
  expectRefused,
  expectSame,
  expectThat,
  expectViolation,
  type Law,
  NotDeclared,
} from "../law.ts";

const canDelete = ({ desc, methods }: Resource) =>
  // With a delete_time a Delete is soft (AIP-164), and other laws hold.
  Boolean(methods.Create && methods.Get && methods.Delete) &&
  !desc.fields.some(({ name }) => name === "delete_time");

const chosenId: Law = {
  name: "Create takes an id that the client chose, once",
  applies: ({ methods }) =>
    Boolean(methods.Create?.fields.has(`${methods.Create.resource?.name}_id`) && methods.Get),
  async check(resource, client) {
    const field = client.idField ?? "";
    const id = client.newId();
    const created = await client.create(client.maker.make(), { [field]: id });
    expectThat(
      client.nameOf(created).endsWith(`/${id}`),
      `${client.nameOf(created)} is not of ${id}`,
    );
    expectSame(resource, await client.get(client.nameOf(created)), created, "Get after Create");
    const again = client.create(client.maker.make(), { [field]: id });
    await expectRefused(again, Code.ALREADY_EXISTS, "Create with an id that is taken");
    for (const wrong of ["a/b", " ", "../1", "é"]) {
      const call = client.create(client.maker.make(), { [field]: wrong });
      const refused = await expectRefused(call, Code.INVALID_ARGUMENT, `Create with id "${wrong}"`);
      expectViolation(refused, /_id$/, `Create with id "${wrong}"`);
    }
    const next = await client.createNew();
    expectThat(client.nameOf(next) !== client.nameOf(created), "an id was given twice");
  },
};

const deleted: Law = {
  name: "a deleted resource is gone and its id is not given again",
  applies: canDelete,
  async check({ methods }, client) {
    const name = client.nameOf(await client.createNew());
    await client.delete(name);
    await expectRefused(client.get(name), Code.NOT_FOUND, "Get");
    await expectRefused(client.delete(name), Code.NOT_FOUND, "Delete");
    if (methods.Update) {
      const call = client.update(client.named(client.maker.make(), name), ["*"]);
      await expectRefused(call, Code.NOT_FOUND, "Update");
    }
    if (methods.List) {
      const names = (await client.listAll()).map((message) => client.nameOf(message));
      expectThat(!names.includes(name), "List still has it");
    }
    for (let round = 0; round < 3; round++) {
      expectThat(client.nameOf(await client.createNew()) !== name, "its id was given again");
    }
  },
};

const deleteMissing: Law = {
  name: "Delete with allow_missing is answered if there is nothing to delete",
  applies: (resource) =>
    canDelete(resource) && Boolean(resource.methods.Delete?.fields.has("allow_missing")),
  async check(_resource, client) {
    const name = client.nameOf(await client.createNew());
    const extra = { allowMissing: true };
    await client.delete(name, extra);
    await expectRefused(client.get(name), Code.NOT_FOUND, "Get after Delete with allow_missing");
    await client.delete(name, extra);
  },
};

const updateMissing: Law = {
  name: "Update with allow_missing creates what is not there and updates what is",
  applies: ({ methods }) => Boolean(methods.Create && methods.Update?.fields.has("allow_missing")),
  async check(resource, client) {
    const extra = { allowMissing: true };
    await client.createNew();
    const name = client.nameWithId(client.newId());
    for (const field of requiredFields(resource)) {
      const sent = client.named(withoutField(resource, client.maker.make(), field), name);
      const call = client.update(sent, undefined, extra);
      await expectRefused(call, Code.INVALID_ARGUMENT, `without ${field.name}`);
      await expectRefused(client.get(name), Code.NOT_FOUND, "Get after the refusal");
    }
    for (const mask of [undefined, ["*"]]) {
      const sent = client.named(client.maker.make(true), name);
      const answer = await client.update(copyOf(resource, sent), mask, extra);
      expectThat(client.nameOf(answer) === name, `it made ${client.nameOf(answer)} of ${name}`);
      const missing = notStored(resource, client.named(sent, name), answer);
      const lost = missing.filter((path) => path !== resource.name.name);
      expectThat(lost.length === 0, `it did not store ${lost.join(", ")}`);
      expectSame(resource, await client.get(name), answer, "Get after it");
    }
  },
};

const forced: Law = {
  name: "Delete is refused while others refer to it, and with force leaves no one who does",
  applies: (resource) =>
    canDelete(resource) && Boolean(resource.methods.Delete?.fields.has("force")),
  async check(resource, client) {
    const referrers = client.others().flatMap((other) => referencesTo(resource, other));
    if (referrers.length === 0) throw new NotDeclared("nothing refers to it");
    for (const [other, field] of referrers) {
      const what = `${other.resource.desc.name}.${field.name}`;
      const name = client.nameOf(await client.createNew());
      await other.calibrate();
      const message = other.maker.make();
      reflect(other.resource.desc, message).set(field, name);
      const referrer = other.nameOf(await other.create(message));
      await expectRefused(client.delete(name), Code.FAILED_PRECONDITION, `Delete, by ${what}`);
      await client.get(name);
      await client.delete(name, { force: true });
      await expectRefused(client.get(name), Code.NOT_FOUND, "Get after Delete with force");
      if ((await codeOf(other.get(referrer))) === Code.NOT_FOUND) continue;
      const stayed = reflect(other.resource.desc, await other.get(referrer)).get(field);
      expectThat(stayed !== name, `${referrer} still refers to ${name}, by ${what}`);
    }
  },
};

/** The laws of a resource's beginning and end. */
export const LIFETIME_LAWS: readonly Law[] = [
  chosenId,
  deleted,
  deleteMissing,
  updateMissing,
  forced,
];

function referencesTo(
  { type }: Resource,
  other: ResourceClient,
): readonly (readonly [ResourceClient, DescField])[] {
  const { resource } = other;
  if (!resource.methods.Create || !resource.methods.Get) return [];
  return resource.desc.fields
    .filter(
      (field) =>
        field.fieldKind === "scalar" && referenceOf(field) === type && isWritable(resource, field),
    )
    .map((field) => [other, field] as const);
}
