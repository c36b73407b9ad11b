// A field with debug_redact, or an INPUT_ONLY one, is told of in no error, log or audit line, whatever is
// in it: every kind of field is marked so, and a marker is put into it in every way that there is.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  ScalarType,
  setExtension,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type DescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { FieldBehavior, field_behavior } from "../../gen/google/api/field_behavior_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { openClient, refusalOf } from "../access/support.ts";
import { EVERYTHING_TABLES } from "../support/everything.ts";
import { makeDatabase, planImage, serveImage } from "../support/image-service.ts";
import { type ImageResource, imageWith, messageIn, resourcesOf } from "../support/images.ts";
import { outsideTriggers } from "../support/outside-triggers.ts";
import { tempDir } from "../support/temp.ts";
import { findingsIn } from "../support/verified.ts";
import { openSql } from "./support.ts";

const FILE = "everything/v1/everything.proto";
const NAME = "everything.v1.Everything";
const MARKER = "XyzzyMarker";
const NUMBER = 918273645;
/** What none of the texts may have: the marker, the number, and the marker as base64. */
const SECRETS = /xyzzymarker|9\.?18273645|WHl6enlNYXJr/i;

/** Of the masks and filters of each path one in so many is tried, another one for each path. */
const PART = Number(process.env.REDACTION_PART ?? 5);

const STANDARD = ["name", "create_time", "update_time", "etag", "line_id"];

type Mark = (field: DescriptorProto["field"][number]) => void;

const MARKS: Readonly<Record<string, Mark>> = {
  debug_redact(field) {
    field.options ??= create(FieldOptionsSchema);
    field.options.debugRedact = true;
  },
  INPUT_ONLY(field) {
    field.options ??= create(FieldOptionsSchema);
    setExtension(field.options, field_behavior, [FieldBehavior.INPUT_ONLY]);
  },
};

function isMarked(field: DescField): boolean {
  const behaviors = hasOption(field, field_behavior) ? getOption(field, field_behavior) : [];
  const { debugRedact = false } = field.proto.options ?? {};
  return debugRedact || behaviors.includes(FieldBehavior.INPUT_ONLY);
}

/** Which messages' fields are marked: those of the resource, or those of the messages in it. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  "of the resource": ["Everything"],
  "of messages in it": ["Line", "Node"],
};

function markedImage(mark: Mark, messages: readonly string[]): Uint8Array {
  return imageWith(FILE, (file) => {
    for (const name of messages) {
      for (const field of messageIn(file, name).field) {
        if (!STANDARD.includes(field.name)) mark(field);
      }
    }
    addListFields(file);
  });
}

/** The requests of the file have none of these. */
function addListFields(file: FileDescriptorProto): void {
  const label = FieldDescriptorProto_Label.OPTIONAL;
  const text = { label, type: FieldDescriptorProto_Type.STRING };
  const mask = {
    label,
    type: FieldDescriptorProto_Type.MESSAGE,
    typeName: ".google.protobuf.FieldMask",
  };
  const add = (message: string, name: string, number: number, type: object) => {
    const field = create(FieldDescriptorProtoSchema, { name, number, jsonName: name, ...type });
    messageIn(file, message).field.push(field);
  };
  add("ListEverythingsRequest", "filter", 10, text);
  add("ListEverythingsRequest", "order_by", 11, text);
  add("ListEverythingsRequest", "read_mask", 12, mask);
  add("GetEverythingRequest", "read_mask", 12, mask);
}

/** What is planted: values that their fields can hold, and others. */
interface Plant {
  readonly text: string;
  readonly long: bigint;
}

const PLANTS: readonly Plant[] = [
  { text: MARKER, long: BigInt(NUMBER) },
  { text: MARKER.repeat(20), long: BigInt(NUMBER) * 10n ** 9n },
  { text: `everythings/${NUMBER}`, long: BigInt(NUMBER) },
];
const HARMLESS: Plant = { text: "x", long: 1n };

/** The bytes of a message whose redacted fields, and all in them, have what is planted. */
function planted(desc: DescMessage, plant: Plant, isSecret = false, depth = 0): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of desc.fields) {
    if (STANDARD.includes(field.name) || depth > 3) continue;
    writeField(writer, field, plant, isSecret, depth);
  }
  return writer.finish();
}

function writeField(
  writer: BinaryWriter,
  field: DescField,
  plant: Plant,
  isSecret: boolean,
  depth: number,
): void {
  const secret = isSecret || isMarked(field);
  if (field.fieldKind === "map") {
    const entry = new BinaryWriter();
    writeScalar(entry, 1, field.mapKey, secret ? plant : HARMLESS);
    writeValue(entry, 2, field, plant, secret, depth);
    writer.tag(field.number, WireType.LengthDelimited).bytes(entry.finish());
  } else writeValue(writer, field.number, field, plant, secret, depth);
}

function writeValue(
  writer: BinaryWriter,
  number: number,
  field: DescField,
  plant: Plant,
  secret: boolean,
  depth: number,
): void {
  const own = secret ? plant : HARMLESS;
  if (field.message) {
    const bytes = planted(field.message, plant, secret, depth + 1);
    writer.tag(number, WireType.LengthDelimited).bytes(bytes);
  } else if (field.enum) {
    writer.tag(number, WireType.Varint).int32(own === plant ? NUMBER : 1);
  } else writeScalar(writer, number, field.scalar as ScalarType, own);
}

function writeScalar(writer: BinaryWriter, number: number, type: ScalarType, plant: Plant): void {
  const isPlanted = plant !== HARMLESS;
  const int = isPlanted ? NUMBER : 1;
  switch (type) {
    case ScalarType.STRING:
      writer.tag(number, WireType.LengthDelimited).string(plant.text);
      return;
    case ScalarType.BYTES:
      writer.tag(number, WireType.LengthDelimited).bytes(Buffer.from(plant.text));
      return;
    case ScalarType.BOOL:
      writer.tag(number, WireType.Varint).bool(true);
      return;
    case ScalarType.DOUBLE:
      writer.tag(number, WireType.Bit64).double(int + 0.5);
      return;
    case ScalarType.FLOAT:
      writer.tag(number, WireType.Bit32).float(int);
      return;
    case ScalarType.INT32:
      writer.tag(number, WireType.Varint).int32(int);
      return;
    case ScalarType.UINT32:
      writer.tag(number, WireType.Varint).uint32(int);
      return;
    case ScalarType.SINT32:
      writer.tag(number, WireType.Varint).sint32(int);
      return;
    case ScalarType.FIXED32:
      writer.tag(number, WireType.Bit32).fixed32(int);
      return;
    case ScalarType.SFIXED32:
      writer.tag(number, WireType.Bit32).sfixed32(int);
      return;
    case ScalarType.INT64:
      writer.tag(number, WireType.Varint).int64(plant.long);
      return;
    case ScalarType.UINT64:
      writer.tag(number, WireType.Varint).uint64(plant.long);
      return;
    case ScalarType.SINT64:
      writer.tag(number, WireType.Varint).sint64(plant.long);
      return;
    case ScalarType.FIXED64:
      writer.tag(number, WireType.Bit64).fixed64(plant.long);
      return;
    case ScalarType.SFIXED64:
      writer.tag(number, WireType.Bit64).sfixed64(plant.long);
  }
}

/** The redacted fields by the paths that lead to them from the resource. */
function redactedPaths(desc: DescMessage): readonly string[] {
  const own = desc.fields.filter(isMarked).map(({ name }) => name);
  if (own.length > 0) return own;
  const inside = (name: string, between: string) => {
    const type = desc.fields.find((field) => field.name === name)?.message;
    return (type?.fields ?? []).filter(isMarked).map((field) => `${name}${between}.${field.name}`);
  };
  return [
    ...inside("j_node", ""),
    ...inside("j_nodes", ""),
    ...inside("j_map_sint32", ".1"),
    ...inside("lines", ""),
  ];
}

const filtersOn = (path: string): readonly string[] => [
  `${path} = "${MARKER}"`,
  `${path} = ${MARKER}`,
  `${path} < "${MARKER}"`,
  `${path} >= ${MARKER}`,
  `${path} > ${NUMBER}`,
  `${path} = ${NUMBER}${NUMBER}${NUMBER}`,
  `${path}:${MARKER}`,
  `${path}:"${MARKER}*"`,
  `${path} = "${MARKER}*"`,
  `${path} = ${MARKER}("x")`,
  `${path} = ${MARKER} (`,
  `${path} = "${MARKER}`,
  `${path} = "\\q${MARKER}"`,
  `${path} = @${MARKER}`,
  `${path} != -${MARKER} OR`,
  `${path}.${MARKER} = 1`,
  `${path}.${MARKER} < "${MARKER}"`,
  `${path}."${MARKER}" = ${MARKER}`,
  `${path}.${MARKER}.${MARKER}:${MARKER}`,
  `${path}.by_name.${MARKER}.value = ${MARKER}`,
  `-${path}.${MARKER}:*`,
];

const masksOn = (path: string): readonly string[] => [
  path,
  `${path}.${MARKER}`,
  `${path}.*.${MARKER}`,
  `${path}.\`${MARKER}\``,
  `${path}.\`${MARKER}`,
  `${path}.${NUMBER}.value`,
  `${path}.by_name.${MARKER}`,
];

/** A message of length-delimited fields, by their numbers. */
function messageOf(fields: readonly (readonly [number, string | Uint8Array])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    writer.tag(number, WireType.LengthDelimited);
    if (typeof value === "string") writer.string(value);
    else writer.bytes(value);
  }
  return writer.finish();
}

const maskOf = (path: string) => messageOf([[1, path]]);

/** What is written into the cells of a row behind the server's back. */
function badCells(desc: DescMessage): readonly string[] {
  const columns = [...EVERYTHING_TABLES.matchAll(/\b(C[A-Z][a-z]\w*) [A-Z]/g)].map(
    ([, name = ""]) => name,
  );
  const values = [`'${MARKER}'`, String(NUMBER), `${NUMBER}.5`, `CAST('${MARKER}' AS BLOB)`];
  const own = desc.fields.filter((field) => isMarked(field)).map(({ jsonName }) => jsonName);
  const json = (key: string) =>
    [
      `"${MARKER}"`,
      String(NUMBER),
      `{"${MARKER}":"${MARKER}"}`,
      `["${MARKER}",{"${MARKER}":1}]`,
      `{"${MARKER}":1,"${MARKER}":2}`,
      `{"value":"${MARKER}"}`,
    ].map((value) => `data = '{${JSON.stringify(key)}:${value}}'`);
  const inNode = [
    `{"value":"${MARKER}"}`,
    `{"byName":{"${MARKER}":${NUMBER}}}`,
    `{"child":{"${MARKER}":1}}`,
    `{"time":"${MARKER}"}`,
  ].map((value) => `data = '{"jNode":${value}}'`);
  const isOfResource = own.length > 0;
  return isOfResource
    ? [
        ...[...new Set(columns)].flatMap((column) => values.map((value) => `${column} = ${value}`)),
        ...own.filter((name) => !name.startsWith("c")).flatMap(json),
      ]
    : inNode;
}

const CASES = Object.entries(MARKS).flatMap(([name, mark]) =>
  Object.entries(PLACES).map(([place, messages]) => ({ name, mark, place, messages })),
);

describe.for(CASES)("$name, fields $place", ({ name, mark, messages }) => {
  const directory = tempDirOfFile();

  test("are in no error, no log and no audit line", async () => {
    const image = markedImage(mark, messages);
    const told: string[] = [];
    const log = pino({ level: "trace" }, { write: (line: string) => void told.push(line) });
    const auditLog = join(directory(), `${told.length}-audit.log`);
    const { plan } = planImage(image, NAME);
    const tables = EVERYTHING_TABLES + outsideTriggers(plan);
    const database = await makeDatabase(directory(), tables);
    const service = await serveImage(directory(), image, [NAME], {
      database,
      log,
      callLog: { calls: "all", sample: 1 },
      access: { auditLog },
      limits: { callLinesPerSecond: 1_000_000 },
    });
    const client = openClient(service.address);
    const [{ service: own }] = resourcesOf(image, [NAME]) as [ImageResource];
    const methodOf = (name: string) => own.methods.find((one) => one.name === name) as DescMethod;
    const codes = new Map<number, number>();
    const leaks = new Set<string>();

    async function call(method: DescMethod, request: Uint8Array): Promise<void> {
      const error = await refusalOf(client, method, undefined, request);
      codes.set(error?.code ?? 0, (codes.get(error?.code ?? 0) ?? 0) + 1);
      if (!error) return;
      const details = error.metadata.get("grpc-status-details-bin")[0] ?? "";
      const text = `${error.details} ${Buffer.from(details).toString("latin1")}`;
      if (SECRETS.test(text)) leaks.add(`${method.name}: ${text}`);
    }

    const everything = methodOf("CreateEverything").input.fields[0]?.message as DescMessage;
    const target = messageOf([[1, "everythings/1"]]);
    await call(methodOf("CreateEverything"), messageOf([[1, new Uint8Array()]]));
    const asked: (() => Promise<void>)[] = [];
    const ask = (...request: Parameters<typeof call>) => asked.push(() => call(...request));
    /** Some at a time, as writes that come together are synced together. */
    async function answered(): Promise<void> {
      while (asked.length > 0) await Promise.all(asked.splice(0, 64).map((start) => start()));
    }

    // Texts that speak of the fields.
    const paths = redactedPaths(everything);
    // Which mark it is makes no difference to a text.
    const some = name === "debug_redact" ? paths : paths.filter((_, index) => index % 4 === 0);
    for (const [place, path] of some.entries()) {
      const isTried = (_: string, index: number) => (place + index) % PART === 0;
      for (const mask of masksOn(path).filter(isTried)) {
        for (const body of [planted(everything, PLANTS[1] as Plant), new Uint8Array()]) {
          const update = Buffer.concat([target, body]);
          ask(
            methodOf("UpdateEverything"),
            messageOf([
              [1, update],
              [2, maskOf(mask)],
            ]),
          );
        }
        const read: [number, Uint8Array] = [12, maskOf(mask)];
        ask(methodOf("GetEverything"), messageOf([[1, "everythings/1"], read]));
      }
      for (const filter of filtersOn(path).filter(isTried)) {
        ask(methodOf("ListEverythings"), messageOf([[10, filter]]));
        const explained: [number, string] = [2, filter];
        const type: [number, string] = [1, "everything.example.com/Everything"];
        ask(DatabaseService.method.explainQuery, messageOf([type, explained]));
        ask(StoreService.method.export, messageOf([type, explained]));
      }
      for (const order of [`${path}.${MARKER}`, `${path}.${MARKER} desc`, `${path}.${NUMBER}`]) {
        ask(methodOf("ListEverythings"), messageOf([[11, order]]));
      }
    }

    // Writes, of each field alone and of all of them.
    const bodies = PLANTS.flatMap((plant) => [
      planted(everything, plant),
      ...everything.fields
        .filter(({ name }) => !STANDARD.includes(name))
        .map((field) => {
          const writer = new BinaryWriter();
          writeField(writer, field, plant, false, 0);
          return writer.finish();
        }),
    ]);
    for (const body of bodies) {
      ask(methodOf("CreateEverything"), messageOf([[1, body]]));
      const update = Buffer.concat([target, body]);
      ask(methodOf("UpdateEverything"), messageOf([[1, update]]));
      const any = messageOf([
        [1, `type.googleapis.com/${NAME}`],
        [2, body],
      ]);
      ask(StoreService.method.import, messageOf([[1, any]]));
    }
    await answered();

    // Rows that cannot be read.
    const cells = badCells(everything);
    const sql = openSql(database);
    sql.pragma("foreign_keys = OFF");
    const keys = sql.prepare("SELECT EverythingId FROM everythings").pluck();
    const before = new Set(keys.all());
    for (const _ of cells) ask(methodOf("CreateEverything"), messageOf([[1, new Uint8Array()]]));
    await answered();
    const added = keys.all().filter((key) => !before.has(key));
    expect(added).toHaveLength(cells.length);
    const spoil = sql.transaction(() => {
      for (const [index, cell] of cells.entries()) {
        const set = `${cell}, wire = NULL, checksum = NULL`;
        sql.prepare(`UPDATE everythings SET ${set} WHERE EverythingId = ?`).run(added[index]);
      }
    });
    spoil();
    const names = added.map((key) => `everythings/${key}`);
    for (const name of names) {
      ask(methodOf("GetEverything"), messageOf([[1, name]]));
      const update = messageOf([[1, name]]);
      ask(
        methodOf("UpdateEverything"),
        messageOf([
          [1, update],
          [2, maskOf("j_string")],
        ]),
      );
    }
    await answered();
    await call(methodOf("ListEverythings"), new Uint8Array());
    await service.stop();
    const { definitions, resources } = service.definition;
    const findings = await findingsIn(database, definitions, resources);
    expect(findings.length).toBeGreaterThan(0);

    const audit = readFileSync(auditLog, "utf8");
    expect({
      errors: [...leaks],
      findings: findings.filter(({ problem }) => SECRETS.test(problem)),
      log: told.filter((line) => SECRETS.test(line)),
      audit: audit.split("\n").filter((line) => SECRETS.test(line)),
    }).toEqual({ errors: [], findings: [], log: [], audit: [] });

    // All of it was looked at.
    expect(codes.get(0)).toBeGreaterThan(100);
    expect(codes.get(3)).toBeGreaterThan(100);
    expect([...codes.keys()]).toEqual(expect.arrayContaining([0, 3, 15]));
    expect(told.length).toBeGreaterThan(1_000);
    expect(audit.split("\n").length).toBeGreaterThan(100);
  }, 120_000);
});

/** A folder for each test, made when it runs. */
function tempDirOfFile(): () => string {
  let made: string | undefined;
  return () => {
    made ??= tempDir();
    return made;
  };
}
