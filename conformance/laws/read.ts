// Laws of reading: what was written is read, whichever method reads it (AIP-131, AIP-132, AIP-231).
// Read masks and views are in read-mask.ts.

import type { Message } from "@bufbuild/protobuf";
import type { ResourceClient } from "../client.ts";
import { Code } from "../codes.ts";
import { notStored } from "../compare.ts";
import { expectRefused, expectSame, expectThat, type Law } from "../law.ts";

const ROUNDS = 10;

const readAfterWrite: Law = {
  name: "Create stores what was sent, Get returns what Create answered",
  applies: ({ methods }) => Boolean(methods.Create && methods.Get),
  async check(resource, client) {
    for (let round = 0; round < ROUNDS; round++) {
      const sent = client.maker.make(round === 0);
      const created = await client.create(sent);
      const missing = notStored(resource, sent, created);
      expectThat(missing.length === 0, `Create did not store ${missing.join(", ")}`);
      const read = await client.get(client.nameOf(created));
      expectSame(resource, read, created, "Get after Create");
    }
  },
};

const sameEverywhere: Law = {
  name: "Get, List and BatchGet answer the same",
  applies: ({ methods }) => Boolean(methods.Create && methods.Get && methods.List),
  async check(resource, client) {
    const names: string[] = [];
    for (let round = 0; round < 3; round++) names.push(client.nameOf(await client.createNew()));
    const listed = byName(client, await client.listAll());
    const batch = resource.methods.BatchGet && (await client.batchGet(names));
    for (const [index, name] of names.entries()) {
      const read = await client.get(name);
      const item = listed.get(name);
      expectThat(item !== undefined, `List does not have ${name}, which Get has`);
      expectSame(resource, item, read, `List against Get of ${name}`);
      if (!batch) continue;
      const other = batch[index];
      expectThat(other !== undefined, `BatchGet does not have ${name}`);
      expectSame(resource, other, read, `BatchGet against Get of ${name}`);
    }
  },
};

const existingRows: Law = {
  name: "every row of a page of List is what Get answers",
  applies: ({ methods }) => Boolean(methods.Get && methods.List),
  async check(resource, client) {
    const { items } = await client.list({ pageSize: 20 });
    for (const item of items) {
      expectSame(resource, await client.get(client.nameOf(item)), item, "Get against List");
    }
  },
};

const wrongNames: Law = {
  name: "a name that cannot be is INVALID_ARGUMENT, one that is not there NOT_FOUND",
  applies: ({ methods }) => Boolean(methods.Get && methods.Create),
  async check(resource, client) {
    const name = client.nameOf(await client.createNew());
    const collection = name.replace(/\/[^/]*$/, "");
    for (const wrong of [
      "",
      collection,
      `${collection}/`,
      `${name}/1/2`,
      "nothings/1",
      `/${name}`,
    ]) {
      await expectRefused(client.get(wrong), Code.INVALID_ARGUMENT, `Get of "${wrong}"`);
      if (!resource.methods.Delete) continue;
      await expectRefused(client.delete(wrong), Code.INVALID_ARGUMENT, `Delete of "${wrong}"`);
    }
    const absent = client.nameWithId(client.newId());
    await expectRefused(client.get(absent), Code.NOT_FOUND, `Get of ${absent}`);
  },
};

/** The laws of reading. */
export const READ_LAWS: readonly Law[] = [readAfterWrite, sameEverywhere, existingRows, wrongNames];

function byName(client: ResourceClient, messages: readonly Message[]): Map<string, Message> {
  return new Map(messages.map((message) => [client.nameOf(message), message]));
}
