// What a client cannot see of the standard methods, or only with the plan of the resource at hand:
// values at the edges of columns, unknown fields, bytes that were cleared, a database that verifies.
// The laws that hold at any address are in conformance/, and conformance.test.ts runs them.

import { clone, type DescField, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { RpcError } from "../../src/client/client.ts";
import { applyDefaults } from "../../src/schema/behavior.ts";
import { FieldBehavior, hasBehavior } from "../../src/schema/options.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { clearServerFields, makeResource } from "../support/arbitrary-resource.ts";
import { DRIVER, openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { findingsOf } from "../support/verified.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
/** A sample where each takes longer. */
const ROUNDS = DRIVER === "sqlite" ? 20 : 5;
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** What a client may set of a resource, as bytes that can be compared. */
function contentOf(plan: ResourcePlan, message: Message): string {
  const copy = clone(plan.desc, message);
  clearServerFields(plan, copy);
  return Buffer.from(toBinary(plan.desc, copy)).toString("hex");
}

async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}

const asServer = (statement: string) =>
  DRIVER === "sqlite"
    ? `BEGIN IMMEDIATE; UPDATE store_state SET writing = 1; ${statement};
       UPDATE store_state SET writing = 0; COMMIT`
    : `BEGIN; SET LOCAL protostore.writing = '1'; ${statement}; COMMIT`;

const CASES = PLANS.map((plan, index) => ({
  name: plan.desc.name,
  plan,
  service: (RESOURCES[index] as (typeof RESOURCES)[number]).service,
}));

describe.for(CASES)(`$name (SEED=${SEED})`, ({ plan, service }) => {
  let seed = SEED;
  const random = () => makeResource(plan, REGISTRY, seed++);
  const readField = (message: Message, field: DescField) => reflect(plan.desc, message).get(field);
  const nameOf = (message: Message) => readField(message, plan.standard.name) as string;
  const named = (message: Message, name: string, etag = "") => {
    reflect(plan.desc, message).set(plan.standard.name, name);
    reflect(plan.desc, message).set(plan.standard.etag, etag);
    return message;
  };
  const start = async () => {
    const running = await startTestService({ fixtures: true });
    return { ...running, client: standardClient(running.connection, service, plan) };
  };

  test("Create stores what was sent, Get returns what Create answered", async () => {
    const { client } = await start();
    for (let round = 0; round < ROUNDS; round++) {
      const sent = random();
      const expected = clone(plan.desc, sent);
      applyDefaults(plan, expected);
      const created = await client.create(sent);
      expect(contentOf(plan, created)).toBe(contentOf(plan, expected));
      const read = await client.get(nameOf(created));
      expect(toBinary(plan.desc, read)).toEqual(toBinary(plan.desc, created));
      for (const field of [plan.standard.createTime, plan.standard.updateTime]) {
        expect(reflect(plan.desc, read).isSet(field)).toBe(true);
      }
    }
  });

  test("a resource reads the same after its bytes were cleared", async () => {
    const { client, database } = await start();
    const created: Message[] = [];
    for (let round = 0; round < ROUNDS; round++) created.push(await client.create(random()));
    const other = await openOther(database);
    // As the server itself would, so that the triggers give no new revision.
    await other.exec(asServer(`UPDATE ${plan.table} SET wire = NULL`));
    for (const message of created) {
      const read = await client.get(nameOf(message));
      expect(toBinary(plan.desc, read)).toEqual(toBinary(plan.desc, message));
    }
  });

  test("List answers in the order of ids", async () => {
    const { client } = await start();
    for (let round = 0; round < 5; round++) await client.create(random());
    const all = await client.listAll(1000);
    const ids = all.map((message) => BigInt(nameOf(message).split("/")[1] ?? ""));
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("Update with * replaces everything that a client may set", async () => {
    const { client, database } = await start();
    const created = await client.create(random());
    for (let round = 0; round < ROUNDS; round++) {
      const sent = named(random(), nameOf(created));
      const updated = await client.update(clone(plan.desc, sent), ["*"]);
      expect(contentOf(plan, updated)).toBe(contentOf(plan, sent));
      expect(toBinary(plan.desc, await client.get(nameOf(created)))).toEqual(
        toBinary(plan.desc, updated),
      );
    }
    expect(await findingsOf(database)).toEqual([]);
  });

  test("Update with a mask changes the fields in it and no other", async () => {
    const { client, database } = await start();
    let current = await client.create(random());
    for (const field of plan.desc.fields) {
      const sent = named(random(), nameOf(current));
      const isWritable = !Object.values(plan.standard).includes(field);
      const isOutput = hasBehavior(field, FieldBehavior.OUTPUT_ONLY);
      const expected = clone(plan.desc, current);
      if (isWritable && !isOutput) copyField(plan, field, sent, expected);
      current = await client.update(sent, [field.name]);
      expect(contentOf(plan, current), field.name).toBe(contentOf(plan, expected));
    }
    expect(await findingsOf(database)).toEqual([]);
  });

  test("Update without a mask changes the fields that are set", async () => {
    const { client } = await start();
    const created = await client.create(random());
    const sent = named(random(), nameOf(created));
    const expected = clone(plan.desc, created);
    const [source, target] = [reflect(plan.desc, sent), reflect(plan.desc, expected)];
    for (const field of plan.desc.fields) {
      if (source.isSet(field)) copyField(plan, field, sent, expected);
    }
    if (sent.$unknown) target.setUnknown(sent.$unknown);
    const updated = await client.update(clone(plan.desc, sent), undefined);
    expect(contentOf(plan, updated)).toBe(contentOf(plan, expected));
  });

  test("a name that is none of this resource is refused", async () => {
    const { client } = await start();
    const { collection } = plan.resource;
    const wrong = ["", collection, `${collection}/`, `${collection}/x`, `${collection}/01`];
    for (const name of [
      ...wrong,
      `${collection}/1/2`,
      "nothings/1",
      `${collection}/${2n ** 63n}`,
    ]) {
      expect(await codeOf(client.get(name)), name).toBe(INVALID_ARGUMENT);
      expect(await codeOf(client.delete(name)), name).toBe(INVALID_ARGUMENT);
    }
    expect(await codeOf(client.get(`${collection}/${2n ** 63n - 1n}`))).toBe(NOT_FOUND);
  });
});

function copyField(plan: ResourcePlan, field: DescField, from: Message, to: Message): void {
  const [source, target] = [reflect(plan.desc, clone(plan.desc, from)), reflect(plan.desc, to)];
  target.clear(field);
  if (!source.isSet(field)) return;
  if (field.fieldKind === "list") {
    for (const item of source.get(field)) target.get(field).add(item);
  } else if (field.fieldKind === "map") {
    for (const [key, value] of source.get(field)) target.get(field).set(key, value);
  } else {
    target.set(field, source.get(field));
  }
}
