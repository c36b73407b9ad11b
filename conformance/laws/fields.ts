// Laws of field behaviour (AIP-203): OUTPUT_ONLY is ignored, REQUIRED must be there, IMMUTABLE stays.
// And of what a name is in a Create (AIP-133).

import { reflect } from "@bufbuild/protobuf/reflect";
import { Code } from "../codes.ts";
import { differences } from "../compare.ts";
import { behaves, FieldBehavior, type Resource } from "../discover.ts";
import { requiredFields, withField, withoutField } from "../fields.ts";
import { expectRefused, expectSame, expectThat, expectViolation, type Law } from "../law.ts";

const outputFields = ({ desc }: Resource) =>
  desc.fields.filter((field) => behaves(field, FieldBehavior.OUTPUT_ONLY));

const outputOnly: Law = {
  name: "an OUTPUT_ONLY field that is sent is ignored",
  applies: (resource) => Boolean(resource.methods.Create) && outputFields(resource).length > 0,
  async check(resource, client) {
    for (const field of outputFields(resource)) {
      const sent = withField(resource, client.maker.make(), client.maker.makeField(field), field);
      if (!reflect(resource.desc, sent).isSet(field)) continue;
      const created = await client.create(sent);
      const ignored = (other: typeof field) => other !== field;
      expectThat(
        differences(resource, sent, created, ignored).length > 0,
        `Create stored ${field.name} as it was sent`,
      );
      if (!resource.methods.Update) continue;
      const patch = client.named(sent, client.nameOf(created));
      const updated = await client.update(patch, [field.name]);
      expectThat(
        differences(resource, sent, updated, ignored).length > 0,
        `Update stored ${field.name} as it was sent`,
      );
    }
  },
};

const required: Law = {
  name: "a REQUIRED field that is missing is refused by its path",
  applies: (resource) => Boolean(resource.methods.Create) && requiredFields(resource).length > 0,
  async check(resource, client) {
    const created = await client.createNew();
    const count = await client.count();
    for (const field of requiredFields(resource)) {
      const path = new RegExp(`^\\w+\\.${field.name}$`);
      const what = `without ${field.name}`;
      const sent = withoutField(resource, client.maker.make(), field);
      const refused = await expectRefused(
        client.create(sent),
        Code.INVALID_ARGUMENT,
        `Create ${what}`,
      );
      expectViolation(refused, path, `Create ${what}`);
      if (!resource.methods.Update) continue;
      for (const mask of [[field.name], ["*"]]) {
        const patch = client.named(withoutField(resource, sent, field), client.nameOf(created));
        const call = client.update(patch, mask);
        const other = await expectRefused(call, Code.INVALID_ARGUMENT, `Update of ${mask} ${what}`);
        expectViolation(other, path, `Update of ${mask} ${what}`);
      }
    }
    expectThat((await client.count()) === count, "a refused Create left a row");
    expectSame(resource, await client.get(client.nameOf(created)), created, "Get after refusals");
  },
};

const noResource: Law = {
  name: "a Create or Update without a resource is refused by its path",
  applies: ({ methods }) => Boolean(methods.Create?.resource),
  async check({ methods }, client) {
    for (const verb of ["Create", "Update"] as const) {
      const field = methods[verb]?.resource?.name;
      if (field === undefined) continue;
      const refused = await expectRefused(client.call(verb, {}), Code.INVALID_ARGUMENT, verb);
      expectViolation(refused, new RegExp(`^${field}\\b`), `${verb} without ${field}`);
    }
  },
};

const immutable: Law = {
  name: "an IMMUTABLE field that would change is refused",
  applies: (resource) =>
    Boolean(resource.methods.Update) &&
    resource.desc.fields.some((field) => behaves(field, FieldBehavior.IMMUTABLE)),
  async check(resource, client) {
    for (const field of resource.desc.fields) {
      if (!behaves(field, FieldBehavior.IMMUTABLE)) continue;
      const created = await client.createNew(true);
      const patch = withField(resource, created, client.maker.makeField(field), field);
      const call = client.update(client.named(patch, client.nameOf(created)), [field.name]);
      await expectRefused(call, Code.INVALID_ARGUMENT, `Update of ${field.name}`);
    }
  },
};

const nameIgnored: Law = {
  name: "the name in a Create is ignored",
  applies: ({ methods }) => Boolean(methods.Create),
  async check(_resource, client) {
    const first = await client.createNew();
    const second = await client.create(client.named(client.maker.make(), client.nameOf(first)));
    expectThat(client.nameOf(first) !== client.nameOf(second), "Create took a name that is taken");
  },
};

/** The laws of field behaviour. */
export const FIELD_LAWS: readonly Law[] = [
  outputOnly,
  required,
  noResource,
  immutable,
  nameIgnored,
];
