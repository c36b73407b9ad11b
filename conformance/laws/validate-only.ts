// Laws of validate_only (AIP-163): it answers as the real request would, also if that fails, and
// changes nothing.

import { randomUUID } from "node:crypto";
import type { Extra } from "../client.ts";
import { Code } from "../codes.ts";
import type { Resource, Verb } from "../discover.ts";
import { copyOf, isIdentity, isServers, requiredFields, withoutField } from "../fields.ts";
import { codeOf, expectRefused, expectSame, expectThat, type Law } from "../law.ts";

const ONLY = { validateOnly: true };

const validates = (verb: Verb) => (resource: Resource) =>
  Boolean(
    resource.methods.Create &&
      resource.methods.Get &&
      resource.methods[verb]?.fields.has("validate_only"),
  );

const createOnly: Law = {
  name: "Create with validate_only answers as the real one and creates nothing",
  applies: validates("Create"),
  async check(resource, client) {
    const message = client.maker.make(true);
    const count = await client.count();
    const tried = await client.create(copyOf(resource, message), ONLY);
    expectThat((await client.count()) === count, "it made a row");
    const real = await client.create(copyOf(resource, message));
    // What the server numbers inside a resource may differ as its name does.
    const ignored = isIdentity(resource);
    const repeats = (field: { fieldKind: string; message?: unknown }) =>
      field.fieldKind === "list" && field.message !== undefined;
    expectSame(resource, tried, real, "its answer", (field) => ignored(field) || repeats(field));
    if (client.idField === undefined) return;
    const id = client.newId();
    await client.create(copyOf(resource, message), { ...ONLY, [client.idField]: id });
    const name = client.nameWithId(id);
    await expectRefused(client.get(name), Code.NOT_FOUND, "Get of what was only validated");
  },
};

const updateOnly: Law = {
  name: "Update with validate_only answers as the real one and changes nothing",
  applies: validates("Update"),
  async check(resource, client) {
    const created = await client.createNew(true);
    const name = client.nameOf(created);
    const message = client.named(client.maker.make(), name);
    const tried = await client.update(copyOf(resource, message), ["*"], ONLY);
    expectSame(resource, await client.get(name), created, "Get after it");
    const real = await client.update(copyOf(resource, message), ["*"]);
    const servers = isServers(resource);
    expectSame(
      resource,
      tried,
      real,
      "its answer",
      (field) => servers(field) || field.fieldKind === "list",
    );
  },
};

const deleteOnly: Law = {
  name: "Delete with validate_only deletes nothing",
  applies: validates("Delete"),
  async check(resource, client) {
    const created = await client.createNew();
    await client.delete(client.nameOf(created), ONLY);
    expectSame(resource, await client.get(client.nameOf(created)), created, "Get after it");
  },
};

const batchOnly: Law = {
  name: "batches with validate_only change nothing",
  applies: validates("BatchCreate"),
  async check(resource, client) {
    const created = await client.createNew();
    const name = client.nameOf(created);
    const count = await client.count();
    const requests = [1, 2, 3].map(() => client.createRequest(client.maker.make()));
    const answers = await client.batchCreate(requests, ONLY);
    expectThat(answers.length === requests.length, `it answers ${answers.length} of 3 resources`);
    if (validates("BatchUpdate")(resource)) {
      const request = client.updateRequest(client.named(client.maker.make(), name), ["*"]);
      await client.batchUpdate([request], ONLY);
    }
    if (validates("BatchDelete")(resource)) await client.batchDelete([{ name }], ONLY);
    expectThat((await client.count()) === count, "the number of rows has changed");
    expectSame(resource, await client.get(name), created, "Get after it");
  },
};

const sameFailures: Law = {
  name: "a request with validate_only fails as the real one does",
  applies: validates("Create"),
  async check(resource, client) {
    const { methods } = resource;
    const created = await client.createNew();
    const name = client.nameOf(created);
    const absent = client.nameWithId(client.newId());
    const named = (to: string, etag = "") => client.named(client.maker.make(), to, etag);
    const calls: [Verb, string, (extra: Extra) => Promise<unknown>][] = [];
    for (const field of requiredFields(resource)) {
      const sent = withoutField(resource, client.maker.make(), field);
      calls.push(["Create", `Create without ${field.name}`, (extra) => client.create(sent, extra)]);
    }
    const { idField } = client;
    if (idField !== undefined) {
      const taken = { [idField]: name.replace(/^.*\//, "") };
      const message = client.maker.make();
      const call = (extra: Extra) =>
        client.create(copyOf(resource, message), { ...taken, ...extra });
      calls.push(["Create", "Create with an id that is taken", call]);
    }
    calls.push(
      ["Update", "Update of nothing", (extra) => client.update(named(absent), ["*"], extra)],
      [
        "Update",
        "Update with a mask of nothing",
        (extra) => client.update(named(name), ["x"], extra),
      ],
      ["Delete", "Delete of nothing", (extra) => client.delete(absent, extra)],
    );
    if (resource.etag) {
      const stale = (extra: Extra) => client.update(named(name, '"stale"'), ["*"], extra);
      calls.push(["Update", "Update with a stale etag", stale]);
    }
    for (const [verb, what, call] of calls) {
      if (!methods[verb]?.fields.has("validate_only")) continue;
      const [tried, real] = [await codeOf(call(ONLY)), await codeOf(call({}))];
      expectThat(
        tried === real,
        `${what}: code ${tried} if it is validated only, ${real} for real`,
      );
      expectThat(real !== undefined, `${what} was answered`);
    }
  },
};

const idStaysFree: Law = {
  name: "a request_id that was only validated with is free for the real request",
  applies: (resource) =>
    validates("Create")(resource) && Boolean(resource.methods.Create?.fields.has("request_id")),
  async check(resource, client) {
    const requestId = randomUUID();
    const message = client.maker.make();
    await client.create(copyOf(resource, message), { ...ONLY, requestId });
    const created = await client.create(copyOf(resource, message), { requestId });
    expectSame(resource, await client.get(client.nameOf(created)), created, "Get after Create");
  },
};

/** The laws of validate_only. */
export const VALIDATE_ONLY_LAWS: readonly Law[] = [
  createOnly,
  updateOnly,
  deleteOnly,
  batchOnly,
  sameFailures,
  idStaysFree,
];
