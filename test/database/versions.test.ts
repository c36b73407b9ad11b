// One file under servers of two versions, with writes by plain SQL between them: the older one loses
// nothing that it does not know, and the newer one filters by all that it knows.

import {
  clone,
  type DescField,
  fromBinary,
  type Message,
  mergeFromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { parseFilter } from "../../src/query/filter/parser.ts";
import { accessOf } from "../../src/schema/access.ts";
import { FieldBehavior, hasBehavior } from "../../src/schema/options.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { compileFilter } from "../query/compiled.ts";
import { FilterMaker } from "../query/filter/arbitrary-filter.ts";
import { evaluate } from "../query/filter/evaluator.ts";
import { clearServerFields, makeResource } from "../support/arbitrary-resource.ts";
import { EVERYTHING_TABLES } from "../support/everything.ts";
import {
  type ImageService,
  makeDatabase,
  planImage,
  serveImage,
} from "../support/image-service.ts";
import { dropFields, enumIn, imageWith, messageIn } from "../support/images.ts";
import { outsideTriggers } from "../support/outside-triggers.ts";
import { tempDir } from "../support/temp.ts";
import { findingsIn } from "../support/verified.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const MESSAGES = Number(process.env.VERSION_MESSAGES ?? 200);
const FILTERS = 150;
const CONCURRENT = 50;

const FILE = "everything/v1/everything.proto";
const TYPE = "everything.v1.Everything";

const NEWER = imageWith(FILE);
const { plan, registry } = planImage(NEWER, TYPE);

/** Half of the fields in JSON, at every depth, and a value of an enum: chosen by the seed. */
function makeOlder(): Uint8Array {
  let state = SEED;
  const isDropped = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 < 0.5;
  };
  return imageWith(FILE, (file) => {
    const names = plan.dataFields.map(({ name }) => name);
    const always = ["j_string_optional", "j_map_string", "j_strings"];
    const never = ["j_string", "j_choice_int64", "j_colors"];
    const dropped = names.filter((name) => isDropped() && !never.includes(name));
    dropFields(messageIn(file, "Everything"), [...new Set([...dropped, ...always])]);
    dropFields(messageIn(file, "Node"), ["number", "time", "by_name"]);
    dropFields(messageIn(file, "Line"), ["j_double"]);
    const color = enumIn(file, "Color");
    color.value = color.value.filter(({ name }) => name !== "COLOR_NEGATIVE");
  });
}

/** What the service must have, by name; the fields that it fills are left out. */
type Expected = Map<string, Message>;

function contentOf(message: Message): string {
  const copy = clone(plan.desc, message);
  clearServerFields(plan, copy);
  sortUnknown(reflect(plan.desc, copy));
  return Buffer.from(toBinary(plan.desc, copy)).toString("hex");
}

/** Puts unknown fields in the order of their numbers, at every depth. */
function sortUnknown(message: ReflectMessage): void {
  const unknown = message.getUnknown() ?? [];
  if (unknown.length > 0) message.setUnknown(unknown.toSorted((a, b) => a.no - b.no));
  for (const field of message.fields) {
    if (!field.message || !message.isSet(field)) continue;
    if (field.fieldKind === "message") {
      const inner = message.get(field);
      sortUnknown(inner);
      message.set(field, inner);
    } else if (field.fieldKind === "list") {
      for (const item of message.get(field)) sortUnknown(item as ReflectMessage);
    } else if (field.fieldKind === "map") {
      for (const item of message.get(field).values()) sortUnknown(item as ReflectMessage);
    }
  }
}

function convert(from: ResourcePlan, to: ResourcePlan, message: Message): Message {
  return fromBinary(to.desc, toBinary(from.desc, message));
}

/**
 * Whether the field is in a oneof with one that the version does not know: it cannot know either that
 * both exclude each other, and protobuf lets the unknown one win.
 */
function hasUnknownSibling(version: ResourcePlan, { number }: DescField): boolean {
  const known = new Set(version.desc.fields.map((field) => field.number));
  const { oneof } = plan.desc.fields.find((field) => field.number === number) ?? {};
  return oneof?.fields.some((sibling) => !known.has(sibling.number)) === true;
}

/** Random changes, through a service of either version and by plain SQL. */
class Actor {
  readonly #expected: Expected;
  readonly #older: ResourcePlan;
  #seed = SEED;

  constructor(expected: Expected, older: ResourcePlan) {
    this.#expected = expected;
    this.#older = older;
  }

  #below(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * limit);
  }

  #pick(): string {
    return [...this.#expected.keys()][this.#below(this.#expected.size)] as string;
  }

  #make(): Message {
    const message = makeResource(plan, registry, this.#seed + this.#below(1_000_000));
    const reference = plan.columns.find((column) => column.reference);
    if (reference) reflect(plan.desc, message).clear(reference.field);
    return message;
  }

  async create(service: ImageService, count: number): Promise<void> {
    const own = service.plans[0] as ResourcePlan;
    for (let i = 0; i < count; i += CONCURRENT) {
      const made = Array.from({ length: Math.min(CONCURRENT, count - i) }, () => this.#make());
      await Promise.all(
        made.map(async (message) => {
          const answer = await service.client.create(convert(plan, own, message));
          this.#expected.set(accessOf(own.standard.name).get(answer) as string, message);
        }),
      );
    }
  }

  async update(service: ImageService, count: number): Promise<void> {
    const own = service.plans[0] as ResourcePlan;
    for (let i = 0; i < count; i++) {
      const name = this.#pick();
      const expected = this.#expected.get(name) as Message;
      if (i % 3 === 0) {
        // Reads all, changes one field, and writes all back.
        const read = await service.client.get(name);
        const field = own.dataFields.find(({ name: fieldName }) => fieldName === "j_string");
        const text = `whole ${i}`;
        if (field) reflect(own.desc, read).set(field, text);
        await service.client.update(read, ["*"]);
        const known = plan.dataFields.find(({ name: fieldName }) => fieldName === "j_string");
        if (known) reflect(plan.desc, expected).set(known, text);
        continue;
      }
      const fields = own.dataFields.filter(
        (field) => !hasBehavior(field, FieldBehavior.IMMUTABLE) && !hasUnknownSibling(own, field),
      );
      const field = fields[this.#below(fields.length)] as (typeof fields)[number];
      const sent = convert(plan, own, this.#make());
      delete sent.$unknown;
      for (const other of own.desc.fields) {
        if (other !== field) reflect(own.desc, sent).clear(other);
      }
      const known = plan.dataFields.find(({ number }) => number === field.number);
      if (known) reflect(plan.desc, expected).clear(known);
      mergeFromBinary(plan.desc, expected, toBinary(own.desc, sent));
      accessOf(own.standard.name).set(sent, name);
      await service.client.update(sent, [field.name]);
    }
  }

  /** Sets JSON that both versions know, and JSON that only the newer one does; gives new keys. */
  writeSql(database: string, count: number): void {
    const connection = openConnection(database, { busyTimeoutMs: 1000 });
    for (let i = 0; i < count; i++) {
      const name = this.#pick();
      const key = BigInt(name.split("/")[1] ?? "");
      const field = i % 2 === 0 ? "j_string" : "j_string_optional";
      const text = `sql ${i}`;
      const known = plan.dataFields.find((candidate) => candidate.name === field);
      if (!known) throw new Error(`there is no field ${field}`);
      connection
        .prepare(`UPDATE everythings SET data = json_set(data, ?, ?) WHERE EverythingId = ?`)
        .run(`$.${known.jsonName}`, text, key);
      reflect(plan.desc, this.#expected.get(name) as Message).set(known, text);
    }
    connection.close();
  }

  async expectAll(service: ImageService): Promise<void> {
    const own = service.plans[0] as ResourcePlan;
    const found = await service.client.listAll(100);
    const contents = new Map(
      found.map((message) => [
        accessOf(own.standard.name).get(message) as string,
        contentOf(convert(own, plan, message)),
      ]),
    );
    expect(contents.size).toBe(this.#expected.size);
    for (const [name, message] of this.#expected) {
      expect(contents.get(name), name).toBe(
        contentOf(convert(this.#older, plan, convert(plan, this.#older, message))),
      );
    }
  }
}

/** Filters as SQL against the evaluator over the messages that the service has. */
async function expectFilters(service: ImageService, seed: number): Promise<void> {
  const messages = (await service.client.listAll(100)).map((message) =>
    reflect(plan.desc, convert(service.plans[0] as ResourcePlan, plan, message)),
  );
  const nameOf = (message: (typeof messages)[number]) => message.get(plan.standard.name);
  const maker = new FilterMaker(seed, plan.desc, messages, registry);
  const connection = openConnection(service.database, { readOnly: true, busyTimeoutMs: 1000 });
  const failures: unknown[] = [];
  for (let i = 0; i < FILTERS && failures.length < 5; i++) {
    const filter = maker.filter();
    const { where, parameters } = compileFilter(plan, filter);
    const found = connection
      .prepare(
        `SELECT 'everythings/' || EverythingId FROM everythings WHERE ${where} ORDER BY EverythingId`,
      )
      .pluck()
      .all(...parameters);
    const { root } = parseFilter(filter);
    const expected = messages
      .filter((message) => root && evaluate(root, message, registry))
      .map(nameOf);
    if (found.join() !== expected.join()) failures.push({ filter, found, expected });
  }
  connection.close();
  expect(failures).toEqual([]);
}

/** What the store says of each row beside its content. */
function stampsOf(database: string): unknown[] {
  const connection = openConnection(database, { readOnly: true, busyTimeoutMs: 1000 });
  const stamps = connection
    .prepare(
      `SELECT EverythingId, revision, created_at, updated_at, hex(wire), (SELECT revision FROM store_state)
      FROM everythings ORDER BY EverythingId`,
    )
    .raw()
    .all();
  connection.close();
  return stamps;
}

test(`newer, older and newer again over ${MESSAGES} messages (SEED=${SEED})`, async () => {
  const directory = tempDir();
  const database = await makeDatabase(directory, EVERYTHING_TABLES + outsideTriggers(plan));
  const olderImage = makeOlder();
  const { plan: older } = planImage(olderImage, TYPE);
  const expected: Expected = new Map();
  const actor = new Actor(expected, older);
  const visit = async (
    image: Uint8Array,
    work: (service: ImageService) => Promise<void>,
  ): Promise<void> => {
    const before = stampsOf(database);
    const service = await serveImage(directory, image, [TYPE], { database });
    try {
      expect(stampsOf(database)).toEqual(before);
      await work(service);
      const { definitions, resources } = service.definition;
      expect(await findingsIn(database, definitions, resources)).toEqual([]);
    } finally {
      await service.stop();
    }
  };
  const asNewer = (work: (service: ImageService) => Promise<void>) => visit(NEWER, work);
  const asOlder = (work: (service: ImageService) => Promise<void>) => visit(olderImage, work);

  await asNewer(async (service) => {
    await actor.create(service, MESSAGES);
    actor.writeSql(database, MESSAGES / 10);
    await actor.expectAll(service);
    await expectFilters(service, SEED);
  });
  for (let round = 0; round < 2; round++) {
    actor.writeSql(database, MESSAGES / 10);
    await asOlder(async (service) => {
      await actor.expectAll(service);
      await actor.create(service, MESSAGES / 10);
      await actor.update(service, MESSAGES / 5);
      actor.writeSql(database, MESSAGES / 10);
      await actor.expectAll(service);
    });
    actor.writeSql(database, MESSAGES / 10);
    await asNewer(async (service) => {
      await actor.expectAll(service);
      await expectFilters(service, SEED + round);
      await actor.update(service, MESSAGES / 10);
      await actor.expectAll(service);
    });
  }
}, 3_600_000);
