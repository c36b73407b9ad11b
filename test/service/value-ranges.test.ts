// Values that protobuf's own definitions do not allow: each field of each resource that can have one
// refuses it with its path, in Create, Update and Import; what a mask leaves out is not looked at.

import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { FieldBehavior, hasBehavior } from "../../src/schema/options.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { connect } from "../grpc/support.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { runService, type TestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { importAll } from "./store-streams.ts";
import { failureOf } from "./support.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** Values that are out of range, by type. */
const BAD: Readonly<Record<string, readonly object[]>> = {
  "google.protobuf.Timestamp": [
    { seconds: 253_402_300_800n },
    { seconds: -62_135_596_801n },
    { seconds: 0n, nanos: -1 },
    { seconds: 0n, nanos: 1_000_000_000 },
  ],
  "google.protobuf.Duration": [
    { seconds: 9_223_372_036_854_775n },
    { seconds: -315_576_000_001n },
    { seconds: 1n, nanos: -1 },
    { seconds: 0n, nanos: 1_000_000_000 },
  ],
  "google.type.Date": [
    { year: 2023, month: 2, day: 29 },
    { year: 2024, day: 1 },
    { year: 10_000 },
    { year: -1 },
    { year: 2024, month: 13 },
    { month: 4, day: 31 },
  ],
  "google.type.Money": [
    { currencyCode: "USD", units: 1n, nanos: -10_000_000 },
    { currencyCode: "USD", units: 0n, nanos: 1_000_000_000 },
  ],
};

interface Place {
  readonly plan: ResourcePlan;
  readonly steps: readonly DescField[];
  readonly type: DescMessage;
}

/** Every way to a message with a range, through messages, lists and maps. */
function placesIn(
  plan: ResourcePlan,
  desc: DescMessage,
  steps: readonly DescField[] = [],
): Place[] {
  if (steps.length > 4) return [];
  return desc.fields.flatMap((field) => {
    const type = field.message;
    if (!type || hasBehavior(field, FieldBehavior.OUTPUT_ONLY)) return [];
    const path = [...steps, field];
    return type.typeName in BAD ? [{ plan, steps: path, type }] : placesIn(plan, type, path);
  });
}

const PLACES = PLANS.flatMap((plan) => placesIn(plan, plan.desc));

/** Puts a value at the place; gives the path that an error must name. */
function put(
  message: ReflectMessage,
  [field, ...rest]: readonly DescField[],
  value: object,
): string {
  if (field?.fieldKind === "list" && field.listKind === "message") {
    const [item] = [...message.get(field)] as ReflectMessage[];
    return `${field.name}[0].${put(item as ReflectMessage, rest, value)}`;
  }
  if (field?.fieldKind !== "message") throw new Error("no resource has such a map");
  if (rest.length === 0) {
    message.set(field, reflect(field.message, create(field.message, value as never)));
    return field.name;
  }
  if (!message.isSet(field)) message.set(field, reflect(field.message, create(field.message)));
  return `${field.name}.${put(message.get(field), rest, value)}`;
}

/** A resource with something in the list that the place is in. */
function resourceFor({ plan, steps }: Place): Message & { name: string; etag: string } {
  for (let seed = 1; ; seed++) {
    const message = makeResource(plan, REGISTRY, seed);
    const lists = steps.filter(({ fieldKind }) => fieldKind === "list");
    const target = reflect(plan.desc, message);
    if (lists.every((list) => target.isSet(list)))
      return Object.assign(message, { etag: "" }) as never;
  }
}

let service: TestService;
beforeAll(async () => {
  service = await runService({ fixtures: true });
});
afterAll(() => service.stop());

function clientOf(plan: ResourcePlan) {
  const found = RESOURCES.find(({ resource }) => resource === plan.desc);
  if (!found) throw new Error(`${plan.desc.typeName} has no service`);
  return standardClient(service.connection, found.service, plan);
}

const titled = PLACES.map((place) => ({
  ...place,
  title: `${place.plan.desc.name}.${place.steps.map(({ name }) => name).join(".")}`,
}));

test("there are such places, in columns, in the JSON and in lists", () => {
  expect(titled.map(({ title }) => title)).toEqual(
    expect.arrayContaining(["Track.duration", "Album.release_date", "Invoice.lines.unit_price"]),
  );
  expect(PLACES.length).toBeGreaterThan(6);
});

test.each(titled)("$title refuses what its type does not allow", async (place) => {
  const { plan, steps, type } = place;
  const client = clientOf(plan);
  const store = connect(service.address);
  const before = (await client.listAll(1000)).length;
  const [stored] = (await client.listAll(1)) as [Message & { name: string }];
  for (const value of BAD[type.typeName] ?? []) {
    const message = resourceFor(place);
    const path = put(reflect(plan.desc, message), steps, value);
    const refusal = { code: "INVALID_ARGUMENT", fields: [`${client.path}.${path}`] };
    expect(await failureOf(client.create(message))).toMatchObject(refusal);

    message.name = stored.name;
    const top = steps[0]?.name as string;
    expect(await failureOf(client.update(message, [top]))).toMatchObject(refusal);
    expect(await failureOf(client.update(message, ["*"]))).toMatchObject(refusal);
    // What the mask does not name is not read.
    const other = plan.columns.find(({ field }) => field.scalar === 9 && field.name !== top);
    if (other && !other.reference) await client.update(message, [other.field.name]);

    message.name = `${plan.resource.collection}/987654`;
    const item = create(AnySchema, {
      typeUrl: `type.googleapis.com/${plan.desc.typeName}`,
      value: toBinary(plan.desc, message),
    });
    expect(await failureOf(importAll(store, [item]))).toMatchObject({
      code: "INVALID_ARGUMENT",
      fields: [`resources[0].${path}`],
    });
  }
  expect((await client.listAll(1000)).length).toBe(before);
});

test("a request_id is the same in capitals", async () => {
  const artists = service.connection.service(ArtistService);
  const requestId = "0c1d2e3f-4a5b-4c6d-8e9f-a0b1c2d3e4f5";
  const request = { artist: { displayName: "Once" } };
  const first = await artists.createArtist({ ...request, requestId });
  const again = await artists.createArtist({ ...request, requestId: requestId.toUpperCase() });
  expect(again).toEqual(first);
});
