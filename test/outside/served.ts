// What the service serves, beside what the file says: by Get for one row, by List for a table.

import { equals, type Message, toJsonString } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type ListPlaylistTracksResponse,
  PlaylistService,
} from "../../gen/chinook/v1/playlist_pb.ts";
import { type Connection, RpcError } from "../../src/client/client.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { answerOf, methodOf, serviceOf } from "./calls.ts";
import type { Fault } from "./fault.ts";
import type { FileState, ResourceState } from "./file-state.ts";
import { rebuild } from "./rebuild.ts";
import { REGISTRY } from "./tables.ts";

const NOT_FOUND = 5;
const DATA_LOSS = 15;

/** Compares what Get answers for a key with its row, which may be gone. */
export async function compareGet(
  connection: Connection,
  plan: ResourcePlan,
  key: bigint,
  state: ResourceState | undefined,
): Promise<Fault | undefined> {
  const name = nameOf(plan, key);
  const call = { table: plan.table, method: `Get${plan.desc.name}`, request: { name } };
  const { message, error } = await answerOf(connection, call);
  const code = error instanceof RpcError ? error.code : undefined;
  const expected = state && rebuild(plan, state);
  if (message && expected) return differenceOf(plan, "Get", message, expected);
  if (!state && code === NOT_FOUND) return undefined;
  if (state && !expected && code === DATA_LOSS) return undefined;
  const found = message ? toText(plan, message) : `${error}`;
  const wanted = expected ? toText(plan, expected) : state ? "that it is unreadable" : "no row";
  return { check: `Get, ${plan.table}`, detail: `${name}: Get says ${found}, the file ${wanted}` };
}

/** Compares the messages of a List, in pages of `pageSize`, with the rows of the table. */
export async function compareList(
  connection: Connection,
  plan: ResourcePlan,
  state: FileState,
  pageSize: number,
): Promise<Fault | undefined> {
  const listed = await listAll(connection, plan, pageSize);
  if (listed.fault) return listed.fault;
  const expected = new Map(
    [...(state.resources.get(plan.table) ?? [])].map(([key, row]) => [
      nameOf(plan, key),
      rebuild(plan, row),
    ]),
  );
  for (const message of listed.messages) {
    const name = reflect(plan.desc, message).get(plan.standard.name) as string;
    const wanted = expected.get(name);
    if (!wanted)
      return { check: `List, ${plan.table}`, detail: `List has ${name}, the file has no such row` };
    expected.delete(name);
    const fault = differenceOf(plan, "List", message, wanted);
    if (fault) return fault;
  }
  const left = [...expected].find(([name, message]) => message || !listed.unreachable.has(name));
  return left && { check: `List, ${plan.table}`, detail: `List lacks ${left[0]}` };
}

async function listAll(connection: Connection, plan: ResourcePlan, pageSize: number) {
  const messages: Message[] = [];
  const unreachable = new Set<string>();
  const method = serviceOf(plan).methods.find(
    ({ name, input }) => name.startsWith("List") && !input.field.parent,
  )?.name as string;
  let pageToken = "";
  do {
    const call = { table: plan.table, method, request: { pageSize, pageToken } };
    const { message, error } = await answerOf(connection, call);
    if (!message) {
      return {
        messages,
        unreachable,
        fault: { check: `List, ${plan.table}`, detail: `${method}: ${error}` },
      };
    }
    const page = reflect(
      (methodOf(plan.table, method) as NonNullable<ReturnType<typeof methodOf>>).output,
      message,
    );
    for (const field of page.fields) {
      if (field.fieldKind !== "list") continue;
      for (const item of page.get(field)) {
        if (field.message) messages.push((item as ReflectMessage).message);
        else unreachable.add(item as string);
      }
    }
    pageToken = (message as Message & { nextPageToken: string }).nextPageToken;
  } while (pageToken !== "");
  return { messages, unreachable, fault: undefined };
}

/** Compares the tracks that each playlist is said to have with the rows of the link table. */
export async function comparePlaylists(
  connection: Connection,
  state: FileState,
): Promise<Fault | undefined> {
  const tracks = state.resources.get("tracks");
  const method = PlaylistService.method.listPlaylistTracks;
  for (const playlist of state.resources.get("playlists")?.keys() ?? []) {
    const request = { parent: `playlists/${playlist}`, pageSize: 1_000 };
    const call = { table: "playlists", method: method.name, request };
    const { message, error } = await answerOf(connection, call);
    const expected = state.links
      .filter(
        ({ PlaylistId, TrackId }) => PlaylistId === playlist && tracks?.has(TrackId as bigint),
      )
      .map(({ TrackId }) => `tracks/${TrackId}`);
    const page = message as ListPlaylistTracksResponse | undefined;
    const found = page && [...page.tracks.map(({ name }) => name), ...page.unreachable];
    if (found?.sort().join() === expected.sort().join()) continue;
    const detail = `${request.parent} has ${expected}, the answer is ${found ?? error}`;
    return { check: "ListPlaylistTracks", detail };
  }
  return undefined;
}

/** Says how two messages of a resource differ, if they do. */
export function differenceOf(
  plan: ResourcePlan,
  check: string,
  found: Message,
  expected: Message,
): Fault | undefined {
  if (equals(plan.desc, found, expected, { registry: REGISTRY, unknown: true })) return undefined;
  const detail = `${check} says\n    ${toText(plan, found)}\n  the file\n    ${toText(plan, expected)}`;
  return { check: `${check}, ${plan.table}`, detail };
}

function toText(plan: ResourcePlan, message: Message): string {
  return toJsonString(plan.desc, message, { registry: REGISTRY });
}

function nameOf(plan: ResourcePlan, key: bigint): string {
  return `${plan.resource.collection}/${key}`;
}
