// A closed file with messages of all kinds, a copy of it in which one bit is flipped, and all that a
// server then answers.

import { closeSync, copyFileSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Client, credentials } from "@grpc/grpc-js";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { type SearchTracksResponse, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { type ExportResponse, StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { StoreError } from "../../src/errors.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { callStream, collect } from "../grpc/support.ts";
import { createRows } from "../service/support.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { runService, type TestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { answerOf, faultOfError, serviceOf } from "./calls.ts";
import { PLANS, REGISTRY } from "./tables.ts";

/** What is in the file: the messages as they were answered, by name, and how many bits there are. */
export interface Original {
  readonly path: string;
  readonly bits: number;
  readonly messages: ReadonlyMap<string, Uint8Array>;
}

/** What a server answered of a flipped file. */
export interface Answers {
  /** Why the file is not served at all. */
  readonly refused?: string;
  /** Messages that are not what they were, and errors that are none of the service's. */
  readonly wrong: readonly string[];
  /** How many messages Get answered, and which it said are not there. */
  readonly answered: number;
  readonly lost: readonly string[];
}

const ROWS = 12;
const TAKEN_AWAY = 25;
const WORDS = ["track", "required", "bj*"];
const NOT_FOUND = 5;

/** Makes the file in `directory`: small messages, some over several pages, and free pages. */
export async function makeOriginal(directory: string, seed: number): Promise<Original> {
  const path = join(directory, "original.db");
  const service = await runService({ database: path });
  const { connection } = service;
  await createRows(connection, 20);
  const names = { familyName: "A", givenName: "B" };
  await connection.service(EmployeeService).createEmployee({ employee: names });
  await connection.service(PlaylistService).createPlaylist({ playlist: { displayName: "P" } });
  const invoice = { customer: "customers/1", invoiceTime: { seconds: 1n } };
  await connection.service(InvoiceService).createInvoice({ invoice });
  const artists = connection.service(ArtistService);
  for (let number = 0; number < TAKEN_AWAY; number++) {
    const artist = { displayName: `${number}`, biography: `${number} `.repeat(3_000) };
    const { name } = await artists.createArtist({ artist });
    if (number % 3 !== 0) await artists.deleteArtist({ name });
  }
  for (const [index, plan] of PLANS.entries()) {
    const client = standardClient(connection, serviceOf(plan), plan);
    for (let row = 0; row < ROWS; row++) {
      await client.create(makeResource(plan, REGISTRY, seed + index * ROWS + row));
    }
  }
  const messages = new Map<string, Uint8Array>();
  for (const plan of PLANS) {
    const client = standardClient(connection, serviceOf(plan), plan);
    for (const message of await client.listAll(1_000)) {
      messages.set(nameOf(plan, message), toBinary(plan.desc, message));
    }
  }
  await service.stop();
  return { path, bits: statSync(path).size * 8, messages };
}

/** Serves a copy of the file in which this bit is flipped, and reads everything in every way. */
export async function readFlipped(original: Original, bit: number): Promise<Answers> {
  const path = `${original.path}.${bit}`;
  copyFileSync(original.path, path);
  flipBit(path, bit);
  try {
    const service = await runService({
      database: path,
      readOnly: true,
      limits: { readerThreads: 1 },
    });
    try {
      return await readAll(service, original);
    } finally {
      await service.stop();
    }
  } catch (error) {
    const refused = `${error}`;
    const isNamed = error instanceof StoreError && error.code !== "INTERNAL";
    return { refused, wrong: isNamed ? [] : [`the start: ${error}`], answered: 0, lost: [] };
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  }
}

function flipBit(path: string, bit: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  const at = Math.floor(bit / 8);
  readSync(file, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << (bit % 8));
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

/** Takes what is answered and compares it with what it was. */
interface Findings {
  compare(how: string, plan: ResourcePlan, message: Message): void;
  fail(how: string, error: unknown): void;
  readonly wrong: string[];
}

async function readAll(service: TestService, original: Original): Promise<Answers> {
  const findings = createFindings(original);
  const { answered, lost } = await readByName(service, original, findings);
  for (const plan of PLANS) {
    const client = standardClient(service.connection, serviceOf(plan), plan);
    for (const pageSize of [1_000, 20]) {
      try {
        for (const message of await client.listAll(pageSize))
          findings.compare("List", plan, message);
      } catch (error) {
        findings.fail(`List of ${plan.table}`, error);
      }
    }
  }
  await readStreams(service, findings);
  return { wrong: findings.wrong, answered, lost };
}

function createFindings(original: Original): Findings {
  const wrong: string[] = [];
  return {
    wrong,
    compare(how, plan, message) {
      const name = nameOf(plan, message);
      const expected = original.messages.get(name);
      const found = toBinary(plan.desc, message);
      if (!expected) wrong.push(`${how} has ${name}, which never was`);
      else if (Buffer.compare(found, expected) !== 0) wrong.push(`${how} has another ${name}`);
    },
    fail(how, error) {
      const fault = faultOfRead(error);
      if (fault) wrong.push(`${how}: ${fault}`);
    },
  };
}

/** A file that cannot be served at all may be refused with UNAVAILABLE, which is no fault here. */
function faultOfRead(error: unknown): string | undefined {
  const isUnavailable = error instanceof RpcError && error.code === 14;
  return isUnavailable && error.status ? undefined : faultOfError(error);
}

async function readByName({ connection }: TestService, original: Original, findings: Findings) {
  const lost: string[] = [];
  let answered = 0;
  for (const plan of PLANS) {
    const prefix = `${plan.resource.collection}/`;
    const names = [...original.messages.keys()].filter((name) => name.startsWith(prefix));
    const readOne = async (name: string) => {
      const call = { table: plan.table, method: `Get${plan.desc.name}`, request: { name } };
      const { message, error } = await answerOf(connection, call);
      if (message) findings.compare("Get", plan, message);
      else if (error instanceof RpcError && error.code === NOT_FOUND) lost.push(name);
      else findings.fail(`Get of ${name}`, error);
      if (message) answered++;
    };
    await Promise.all(names.map(readOne));
    const batchGet = serviceOf(plan).methods.find((method) => method.name.startsWith("BatchGet"));
    for (let at = 0; batchGet && at < names.length; at += 5) {
      const request = { names: names.slice(at, at + 5) };
      const call = { table: plan.table, method: batchGet.name, request };
      const { message, error } = await answerOf(connection, call);
      if (message) for (const item of itemsOf(message)) findings.compare("BatchGet", plan, item);
      else if (!(error instanceof RpcError && error.code === NOT_FOUND)) {
        findings.fail(`BatchGet of ${request.names}`, error);
      }
    }
  }
  return { answered, lost };
}

function itemsOf(message: Message): Message[] {
  const values: unknown[] = Object.values(message);
  return (values.find((value) => Array.isArray(value)) ?? []) as Message[];
}

async function readStreams({ address, connection }: TestService, findings: Findings) {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  for (const plan of PLANS) {
    const request = { resourceType: plan.resource.type };
    const stream = callStream(client, StoreService.method.export, request);
    const { messages, error } = await collect<ExportResponse>(stream);
    for (const { value } of messages.flatMap(({ resources }) => resources)) {
      findings.compare("Export", plan, decode(plan.desc, value));
    }
    if (error) findings.fail(`Export of ${plan.table}`, new RpcError(error));
  }
  client.close();
  const tracks = PLANS.find(({ table }) => table === "tracks") as ResourcePlan;
  for (const query of WORDS) {
    try {
      const answer = await connection.service(TrackService).searchTracks({ query });
      for (const { track } of (answer as SearchTracksResponse).results) {
        if (track) findings.compare("SearchTracks", tracks, track);
      }
    } catch (error) {
      findings.fail(`SearchTracks ${query}`, error);
    }
  }
}

/** Bytes that are no message are a message without a name. */
function decode(desc: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(desc, bytes);
  } catch {
    return fromBinary(desc, new Uint8Array());
  }
}

function nameOf(plan: ResourcePlan, message: Message): string {
  return reflect(plan.desc, message).get(plan.standard.name) as string;
}
