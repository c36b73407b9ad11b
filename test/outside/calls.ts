// Random calls of the service: every standard method that writes, alone, in batches and several at
// once, and the methods of playlists. A call is a value that can be printed and made again.

import {
  type DescMethodUnary,
  type DescService,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { reflect } from "@bufbuild/protobuf/reflect";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { type Connection, RpcError } from "../../src/client/client.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import type { Random } from "../durability/random.ts";
import type { FileState } from "./file-state.ts";
import { fromCells } from "./rebuild.ts";
import { PLANS, REGISTRY, randomJsonText, randomKey, randomValue, TABLES } from "./tables.ts";

/** A call of a method. */
export interface Call {
  readonly table: string;
  /** The name of the method, for example `CreateArtist`. */
  readonly method: string;
  readonly request: JsonObject;
}

/** Calls that are made at once. */
export interface CallStep {
  readonly kind: "calls";
  readonly calls: readonly Call[];
}

/** What came of a call. */
export type Answer =
  | { readonly message: Message; readonly error?: undefined }
  | { readonly message?: undefined; readonly error: unknown };

/** A step at random: most often one call. */
export function randomCalls(random: Random, state: FileState): CallStep {
  const plan = random.pick(PLANS);
  if (random.chance(0.1)) {
    const makers = random.chance(0.5) ? [create] : [create, update, remove];
    const calls = Array.from({ length: 2 + random.below(6) }, () =>
      random.pick(makers)(plan, random, state),
    );
    return { kind: "calls", calls };
  }
  if (random.chance(0.08)) return { kind: "calls", calls: [changePlaylist(random, state)] };
  const makers = [create, create, update, update, remove];
  const call = random.chance(0.15)
    ? batch(plan, random.pick(makers), random, state)
    : random.pick(makers)(plan, random, state);
  return { kind: "calls", calls: [call] };
}

/** The service of the plan's resource. */
export function serviceOf(plan: ResourcePlan): DescService {
  return RESOURCES.find(({ resource }) => resource === plan.desc)?.service as DescService;
}

/** The method of a service; undefined if it has none of this name. */
export function methodOf(table: string, name: string): DescMethodUnary | undefined {
  const plan = PLANS.find((candidate) => candidate.table === table);
  const service = plan && serviceOf(plan);
  return service?.methods.find((method) => method.name === name) as DescMethodUnary | undefined;
}

/** Makes a call; whatever it rejects with is in the answer. */
export async function answerOf(connection: Connection, call: Call): Promise<Answer> {
  const method = methodOf(call.table, call.method) as DescMethodUnary;
  const service = connection.service(
    method.parent as unknown as GenService<GenServiceMethods>,
  ) as unknown as Record<string, (request: Message) => Promise<Message>>;
  const request = fromJson(method.input, call.request, { registry: REGISTRY });
  try {
    return { message: (await service[method.localName]?.(request)) as Message };
  } catch (error) {
    return { error };
  }
}

/** Why an error is no answer at all: it must be typed, and not be a fault of the server. */
export function faultOfError(error: unknown): string | undefined {
  if (!(error instanceof RpcError)) return `${error}`;
  const untyped = error.status === undefined || error.status.details.length === 0;
  const isFault = [2, 4, 12, 13, 14].includes(error.code);
  return untyped || isFault ? `${error.code} ${error.message}` : undefined;
}

type MakeCall = (plan: ResourcePlan, random: Random, state: FileState) => Call;

function create(plan: ResourcePlan, random: Random, state: FileState): Call {
  const request: Record<string, JsonValue> = {
    [pathOf(plan)]: randomResource(plan, random, state),
  };
  if (random.chance(0.15)) {
    request[`${pathOf(plan)}Id`] = String(randomKey(random, keysIn(state, plan.table)));
  }
  if (random.chance(0.05)) request.validateOnly = true;
  return { table: plan.table, method: `Create${plan.desc.name}`, request };
}

function update(plan: ResourcePlan, random: Random, state: FileState): Call {
  const key = randomKey(random, keysIn(state, plan.table));
  const resource: Record<string, JsonValue> = { ...randomResource(plan, random, state, key) };
  resource.name = nameOf(plan, key);
  const row = state.resources.get(plan.table)?.get(key)?.row;
  if (random.chance(0.2)) resource.etag = `"${row?.revision ?? 0}"`;
  const request: Record<string, JsonValue> = { [pathOf(plan)]: resource };
  if (random.chance(0.7)) request.updateMask = randomMask(plan, random).join(",");
  if (random.chance(0.15)) request.allowMissing = true;
  return { table: plan.table, method: `Update${plan.desc.name}`, request };
}

function remove(plan: ResourcePlan, random: Random, state: FileState): Call {
  const key = randomKey(random, keysIn(state, plan.table));
  const request: Record<string, JsonValue> = { name: nameOf(plan, key) };
  if (random.chance(0.4)) request.force = true;
  if (random.chance(0.15)) request.allowMissing = true;
  return { table: plan.table, method: `Delete${plan.desc.name}`, request };
}

/** The calls of one kind as a batch, where the service has it. */
function batch(plan: ResourcePlan, make: MakeCall, random: Random, state: FileState): Call {
  const calls = Array.from({ length: 2 + random.below(4) }, () => make(plan, random, state));
  const first = calls[0] as Call;
  const verb = /^(Create|Update|Delete)/.exec(first.method)?.[1];
  const method = serviceOf(plan).methods.find(({ name }) => name.startsWith(`Batch${verb}`));
  if (!method) return first;
  const requests = calls.map(({ request: { validateOnly: _none, ...rest } }) => rest);
  return { table: plan.table, method: method.name, request: { requests } };
}

function changePlaylist(random: Random, state: FileState): Call {
  const playlist = randomKey(random, keysIn(state, "playlists"));
  const count = 1 + random.below(3);
  const keys = Array.from({ length: count }, () => randomKey(random, keysIn(state, "tracks")));
  const { addPlaylistTracks, removePlaylistTracks } = PlaylistService.method;
  const { name } = random.pick([addPlaylistTracks, removePlaylistTracks]);
  const tracks = keys.map((key) => `tracks/${key}`);
  const request = { playlist: `playlists/${playlist}`, tracks };
  return { table: "playlists", method: name, request };
}

function randomResource(
  plan: ResourcePlan,
  random: Random,
  state: FileState,
  key?: bigint,
): JsonObject {
  const message = fromCells(plan, randomCells(plan.table, random, state));
  for (const child of plan.children) {
    const list = message.get(child.field);
    const kept =
      key === undefined ? [] : (state.resources.get(plan.table)?.get(key)?.children[0] ?? []);
    for (const row of kept) {
      if (random.chance(0.4)) continue;
      const item = fromCells(child, { ...row, ...randomCells(child.table, random, state) });
      item.set(child.keyField, row[child.key]);
      list.add(item);
    }
    for (let n = random.below(3); n > 0; n--) {
      list.add(fromCells(child, randomCells(child.table, random, state)));
    }
  }
  return toJson(plan.desc, message.message, { registry: REGISTRY }) as JsonObject;
}

function randomCells(name: string, random: Random, state: FileState): Record<string, SqlValue> {
  const table = TABLES.find((candidate) => candidate.name === name) as (typeof TABLES)[number];
  const values = table.columns.map((column) => {
    const value = randomValue(column, random, (target) => keysIn(state, target));
    // What is required must not be empty.
    return [column.name, value === "" && !column.nullable ? "x" : value] as const;
  });
  return { ...Object.fromEntries(values), data: randomJsonText(table, random) };
}

function randomMask(plan: ResourcePlan, random: Random): string[] {
  const fields = [...plan.columns.map(({ field }) => field), ...plan.dataFields];
  const paths = Array.from({ length: 1 + random.below(2) }, () => random.pick(fields).jsonName);
  for (const { field } of plan.children) if (random.chance(0.3)) paths.push(field.jsonName);
  return [...new Set(paths)];
}

/** Where the resource is in a request, in JSON. */
export function pathOf(plan: ResourcePlan): string {
  const method = methodOf(plan.table, `Create${plan.desc.name}`);
  return method?.input.fields.find(({ message }) => message === plan.desc)?.jsonName ?? "";
}

/** The keys that a resource's table has. */
export function keysIn(state: FileState, table: string): readonly bigint[] {
  const known = state.resources.get(table);
  if (known) return [...known.keys()];
  return state.lines.map(({ InvoiceLineId }) => InvoiceLineId as bigint);
}

function nameOf(plan: ResourcePlan, key: bigint): string {
  return `${plan.resource.collection}/${key}`;
}

/** The key in a resource's name. */
export function keyOf(plan: ResourcePlan, message: Message): bigint {
  const name = reflect(plan.desc, message).get(plan.standard.name) as string;
  return BigInt(name.split("/")[1] ?? -1);
}
