// Random calls of every method that both drivers have, and plain SQL of other programs between them.
// Knows what was answered so far, so that some etags are right. Must not know who answers.

import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { type Random, randomFrom } from "../../conformance/seeded.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { PLANS, planOf } from "../contract/support.ts";
import { FilterMaker } from "../query/filter/arbitrary-filter.ts";
import { makeResource } from "../support/arbitrary-resource.ts";

/** What is done to a server, or beside it. */
export type Command =
  | { readonly kind: "call"; readonly method: DescMethod; readonly request: Message }
  | { readonly kind: "import"; readonly requests: readonly (readonly Any[])[] }
  | { readonly kind: "sql"; readonly sql: string };

/** The etags that each resource has had, by its name, in their order. */
export type Known = ReadonlyMap<string, readonly string[]>;

const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
const SAMPLES = new Map(PLANS.map((plan) => [plan, samplesOf(plan)]));
/** Few keys, so that commands meet. */
const KEYS = 5;
const ODD_IDS = ["0", "-1", "01", "x", "9223372036854775807", "9223372036854775808", "1/2"];
const REQUEST_IDS = [1, 2, 3, 4, 5].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
const BAD_PATHS = ["nonsense", "name.x", "etag", "create_time", "*", "displayName"];

/** The resources of the rows that a list of commands begins with, those first that others refer to. */
const FIRST = ["Artist", "Album", "Genre", "MediaType", "Track", "Employee", "Customer", "Invoice"];

/** What a list of commands begins with: three rows of each resource, and two tracks on a playlist. */
export function firstCommands(seed: number): readonly Command[] {
  const rows = [...FIRST, "Playlist"].map((name): Command => {
    const plan = planNamed(name);
    const resources = [1, 2, 3].map((key) =>
      pack(plan, make(plan, randomFrom(seed + key), "1", `${key}`)),
    );
    return { kind: "import", requests: [resources] };
  });
  const tracks = ["tracks/1", "tracks/2"];
  const { addPlaylistTracks } = PlaylistService.method;
  return [...rows, call(addPlaylistTracks, { playlist: "playlists/1", tracks })];
}

/** A command; the same for the same seed and answers. */
export function makeCommand(seed: number, known: Known): Command {
  const random = randomFrom(seed);
  const plan = random.pick(PLANS);
  const maker = random.pick(MAKERS);
  return maker(random, plan, known) ?? listOf(random, plan, known);
}

type Maker = (random: Random, plan: ResourcePlan, known: Known) => Command | undefined;

const createOf: Maker = (random, plan) => {
  const method = methodOf(plan, "Create");
  return method && call(method, createFields(random, plan, method.input));
};

const updateOf: Maker = (random, plan, known) => {
  const method = methodOf(plan, "Update");
  return method && call(method, updateFields(random, plan, known));
};

const deleteOf: Maker = (random, plan, known) => {
  const method = methodOf(plan, "Delete");
  return method && call(method, deleteFields(random, plan, known));
};

const getOf: Maker = (random, plan) => {
  const method = methodOf(plan, "Get");
  return method && call(method, { name: nameOf(random, plan), ...whatToRead(random, plan) });
};

const listOf = (random: Random, plan: ResourcePlan, _known: Known): Command =>
  call(methodOf(plan, "List") as DescMethod, {
    page_size: random.chance(0.03) ? -1 : random.pick([0, 1, 2, 3, 1000]),
    skip: random.chance(0.2) ? random.pick([1, 1, 2, 100, -1]) : 0,
    filter: random.chance(0.6) ? filterOf(random, plan) : "",
    order_by: random.chance(0.25) ? orderOf(random, plan) : "",
    include_total_size: random.chance(0.4),
    page_token: random.chance(0.03) ? "AAAA" : "",
    ...whatToRead(random, plan),
  });

const batchGetOf: Maker = (random, plan) => {
  const method = methodOf(plan, "BatchGet");
  const names = several(random, () => nameOf(random, plan));
  return method && call(method, { names, ...whatToRead(random, plan) });
};

const batchOf =
  (kind: "BatchCreate" | "BatchUpdate" | "BatchDelete"): Maker =>
  (random, plan, known) => {
    const method = methodOf(plan, kind);
    const item = method?.input.fields.find(({ name }) => name === "requests")?.message;
    if (!method || !item) return undefined;
    const one = {
      BatchCreate: () => createFields(random, plan, item),
      BatchUpdate: () => updateFields(random, plan, known),
      BatchDelete: () => deleteFields(random, plan, known),
    }[kind];
    // They must have neither `request_id` nor `validate_only` of their own.
    const alone = random.chance(0.05) ? {} : { request_id: "", validate_only: false };
    const requests = several(random, () => fill(item, { ...one(), ...alone }));
    return call(method, { requests, ...repeatable(random) });
  };

const salesOf: Maker = (random) =>
  call(SalesService.method.summarizeSales, {
    group_by: random.below(7),
    ...(random.chance(0.3) && { start_time: timeOf(random) }),
    ...(random.chance(0.3) && { end_time: timeOf(random) }),
  });

const playlistOf: Maker = (random) => {
  const { addPlaylistTracks, removePlaylistTracks, listPlaylistTracks } = PlaylistService.method;
  const playlist = `playlists/${refOf(random)}`;
  const tracks = several(random, () => `tracks/${refOf(random)}`);
  return random.pick([
    call(addPlaylistTracks, { playlist, tracks }),
    call(removePlaylistTracks, { playlist, tracks: tracks.slice(0, 1) }),
    call(listPlaylistTracks, { parent: playlist, page_size: random.below(3) }),
  ]);
};

const exportOf: Maker = (random, plan) =>
  call(StoreService.method.export, {
    resource_type: random.chance(0.95) ? plan.resource.type : "chinook.example.com/Nothing",
    page_size: random.below(4),
    filter: random.chance(0.3) ? filterOf(random, plan) : "",
  });

const importOf: Maker = (random, plan) => ({
  kind: "import",
  requests: several(random, () =>
    several(random, () =>
      pack(plan, make(plan, random, undefined, random.chance(0.2) ? idOf(random) : "")),
    ),
  ),
});

/** Other programs: a row, a line, a link, a key, JSON as it must be and JSON that cannot be read. */
const sqlOf: Maker = (random) => {
  const key = 1 + random.below(KEYS);
  const free = 20 + random.below(1_000_000);
  return {
    kind: "sql",
    sql: random.pick([
      `UPDATE artists SET Name = 'outside' WHERE ArtistId = ${key}`,
      `UPDATE artists SET Name = Name, data = '{"aliases":["a","b"]}' WHERE ArtistId = ${key}`,
      `INSERT INTO genres (GenreId, Name) VALUES (${free}, 'é')`,
      `UPDATE media_types SET MediaTypeId = ${free} WHERE MediaTypeId = ${key} AND MediaTypeId NOT IN (SELECT MediaTypeId FROM tracks)`,
      `UPDATE tracks SET UnitPrice = 1.29, Milliseconds = Milliseconds + 1 WHERE TrackId = ${key}`,
      `UPDATE customers SET City = NULL, data = '{"tags":["x"],"loyalty":{"points":"7"}}' WHERE CustomerId = ${key}`,
      `UPDATE customers SET data = '{"tags":7,"noSuch":{"x":1}}' WHERE CustomerId = ${key}`,
      `UPDATE customers SET status = 99 WHERE CustomerId = ${key}`,
      `UPDATE employees SET HireDate = '2004-05-06', BirthDate = 'no date' WHERE EmployeeId = ${key}`,
      `UPDATE invoices SET InvoiceDate = '2009-01-0${key}T10:00:00Z' WHERE InvoiceId = ${key}`,
      `UPDATE invoice_items SET Quantity = 9 WHERE InvoiceId = ${key}`,
      `DELETE FROM invoice_items WHERE InvoiceLineId = ${key}`,
      // Where something refers to it, it is refused.
      `DELETE FROM genres WHERE GenreId = ${key}`,
      `DELETE FROM playlist_track WHERE TrackId = ${key}`,
      `UPDATE albums SET Title = 'T' || Title WHERE AlbumId = ${key}`,
    ]),
  };
};

/** As often as each is in it. */
const MAKERS: readonly Maker[] = [
  ...Array<Maker>(7).fill(createOf),
  ...Array<Maker>(8).fill(updateOf),
  ...Array<Maker>(3).fill(deleteOf),
  ...Array<Maker>(3).fill(getOf),
  ...Array<Maker>(7).fill(listOf),
  ...Array<Maker>(2).fill(batchGetOf),
  ...Array<Maker>(3).fill(batchOf("BatchCreate")),
  ...Array<Maker>(3).fill(batchOf("BatchUpdate")),
  ...Array<Maker>(2).fill(batchOf("BatchDelete")),
  ...Array<Maker>(2).fill(salesOf),
  ...Array<Maker>(3).fill(playlistOf),
  exportOf,
  ...Array<Maker>(2).fill(importOf),
  ...Array<Maker>(3).fill(sqlOf),
];

function createFields(random: Random, plan: ResourcePlan, input: DescMessage): Fields {
  const idField = input.fields.find(({ name }) => /_id$/.test(name) && name !== "request_id");
  return {
    [resourceFieldOf(plan)]: make(plan, random),
    ...(idField && random.chance(0.3) && { [idField.name]: idOf(random) }),
    ...repeatable(random),
  };
}

function updateFields(random: Random, plan: ResourcePlan, known: Known): Fields {
  const message = make(plan, random, undefined, idOf(random));
  const target = reflect(plan.desc, message);
  const name = target.get(plan.standard.name) as string;
  target.set(plan.standard.etag, etagOf(random, known, name));
  const paths = pathsOf(random, plan);
  return {
    [resourceFieldOf(plan)]: message,
    ...(random.chance(0.8) && { update_mask: { paths: random.chance(0.2) ? ["*"] : paths } }),
    allow_missing: random.chance(0.3),
    ...repeatable(random),
  };
}

function deleteFields(random: Random, plan: ResourcePlan, known: Known): Fields {
  const name = nameOf(random, plan);
  return {
    name,
    etag: etagOf(random, known, name),
    allow_missing: random.chance(0.3),
    force: random.chance(0.4),
    ...repeatable(random),
  };
}

/** What many requests have. */
function repeatable(random: Random): Fields {
  return {
    ...(random.chance(0.15) && { request_id: random.pick([...REQUEST_IDS, "no uuid"]) }),
    ...(random.chance(0.1) && { validate_only: true }),
  };
}

function whatToRead(random: Random, plan: ResourcePlan): Fields {
  if (random.chance(0.2)) return { view: random.below(4) };
  return random.chance(0.3) ? { read_mask: { paths: pathsOf(random, plan) } } : {};
}

function etagOf(random: Random, known: Known, name: string): string {
  const etags = known.get(name) ?? [];
  if (random.chance(0.5)) return "";
  if (random.chance(0.7)) return etags.at(-1) ?? "";
  return random.pick([...etags, '"0"', "nonsense"]);
}

/** Of a row that is there, most often. */
function refOf(random: Random): string {
  return random.chance(0.9) ? `${1 + random.below(3)}` : idOf(random);
}

function idOf(random: Random): string {
  return random.chance(0.96) ? `${1 + random.below(KEYS)}` : random.pick(ODD_IDS);
}

function nameOf(random: Random, { resource }: ResourcePlan): string {
  return random.chance(0.02) ? "" : `${resource.collection}/${idOf(random)}`;
}

function timeOf(random: Random): Fields {
  return { seconds: BigInt(random.below(2_000_000_000)), nanos: 0 };
}

/** Up to four, seldom none. */
function several<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.chance(0.03) ? 0 : 1 + random.below(4) }, make);
}

/** Paths of fields, and of fields in them, seldom such that there are none. */
function pathsOf(random: Random, plan: ResourcePlan): string[] {
  return Array.from({ length: 1 + random.below(3) }, () => {
    if (random.chance(0.04)) return random.pick(BAD_PATHS);
    const field = random.pick(plan.desc.fields);
    const inner = field.fieldKind === "message" ? field.message.fields : [];
    return inner.length > 0 && random.chance(0.4)
      ? `${field.name}.${random.pick(inner).name}`
      : field.name;
  });
}

function filterOf(random: Random, plan: ResourcePlan): string {
  const samples = SAMPLES.get(plan) as readonly ReflectMessage[];
  const maker = new FilterMaker(random.below(2 ** 30), plan.desc, samples, REGISTRY);
  for (;;) {
    const filter = maker.filter();
    // There are no texts with it in PostgreSQL, and the filter is refused.
    if (!/\0|\\(?:0|u0000|x00)/.test(filter)) return filter;
  }
}

function orderOf(random: Random, plan: ResourcePlan): string {
  return pathsOf(random, plan)
    .map((path) => (random.chance(0.5) ? path : `${path} desc`))
    .join(", ");
}

/** A resource that refers to rows that may be there; to one row, if that is given. */
function make(plan: ResourcePlan, random: Random, target?: string, id = ""): Message {
  const message = makeResource(plan, REGISTRY, random.below(2 ** 30), true);
  const all = reflect(plan.desc, message);
  all.set(plan.standard.name, id === "" ? "" : `${plan.resource.collection}/${id}`);
  all.set(plan.standard.etag, "");
  const aim = (from: ReflectMessage, { columns }: Pick<ResourcePlan, "columns">) => {
    for (const { field, reference } of columns) {
      if (!reference || !from.isSet(field)) continue;
      from.set(field, `${reference.collection}/${target ?? refOf(random)}`);
    }
  };
  aim(all, plan);
  for (const child of plan.children) {
    for (const item of all.get(child.field)) aim(item as ReflectMessage, child);
  }
  // Who has nobody above comes first.
  const self = plan.columns.find(({ reference }) => reference?.type === plan.resource.type);
  if (self && target !== undefined) all.clear(self.field);
  return message;
}

function samplesOf(plan: ResourcePlan): readonly ReflectMessage[] {
  return Array.from({ length: 8 }, (_, seed) =>
    reflect(plan.desc, makeResource(plan, REGISTRY, seed, true)),
  );
}

function pack(plan: ResourcePlan, message: Message): Any {
  const value = toBinary(plan.desc, message);
  return create(AnySchema, { typeUrl: `type.googleapis.com/${plan.desc.typeName}`, value });
}

function planNamed(name: string): ResourcePlan {
  return PLANS.find(({ desc }) => desc.name === name) as ResourcePlan;
}

/** A standard method of a resource, if it has it. */
function methodOf(plan: ResourcePlan, prefix: string): DescMethod | undefined {
  const found = RESOURCES.find(({ resource }) => resource === plan.desc);
  return found?.service.methods.find(({ name }) => name.startsWith(prefix));
}

/** Where a resource is in the requests about it, for example `media_type`. */
function resourceFieldOf(plan: ResourcePlan): string {
  const fields = methodOf(plan, "Create")?.input.fields ?? [];
  return (fields.find(({ message }) => message === plan.desc) as DescField).name;
}

/** What fields have, by their names in the proto. */
type Fields = Readonly<Record<string, unknown>>;

function fill(desc: DescMessage, fields: Fields): Message {
  const init = desc.fields.flatMap(({ name, localName }) =>
    fields[name] === undefined ? [] : [[localName, fields[name]]],
  );
  return create(desc, Object.fromEntries(init));
}

function call(method: DescMethod, fields: Fields): Command {
  return { kind: "call", method, request: fill(method.input, fields) };
}

/** The resources in an answer whose type may be any. */
export function resourcesIn(
  answer: Message,
  output: DescMessage,
): readonly (readonly [string, string])[] {
  const all = reflect(output, answer);
  const own = PLANS.some(({ desc }) => desc === output) ? [all] : [];
  const listed = output.fields
    .filter(
      (field) => field.fieldKind === "list" && PLANS.some(({ desc }) => desc === field.message),
    )
    .flatMap((field) => [...(all.get(field) as Iterable<ReflectMessage>)]);
  return [...own, ...listed].map((message) => {
    const { standard } = planOf(message.desc);
    return [message.get(standard.name) as string, message.get(standard.etag) as string];
  });
}
