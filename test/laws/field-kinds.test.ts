// What every kind of field keeps, over the list of kinds in src/schema/types/all-kinds.ts: a kind that lacks
// a part, or that another folder would have to know, fails here by its name.

import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  create,
  createFileRegistry,
  createRegistry,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type Message,
  type Registry,
  ScalarType,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  MessageOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resource, resource_reference } from "../../gen/google/api/resource_pb.ts";
import { column, table } from "../../gen/protostore/v1/options_pb.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { readJson } from "../../src/schema/json-read.ts";
import { writeJson } from "../../src/schema/json-write.ts";
import { type ColumnPlan, planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { encodeCells } from "../../src/schema/row.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import { LEAVES, leafKind, MESSAGES, SCALARS } from "../../src/schema/types/all-kinds.ts";
import { Unrepresentable } from "../../src/schema/types/column-codec.ts";
import { enumColumn } from "../../src/schema/types/enum.ts";
import type { ColumnForm, MessageKind, ScalarKind } from "../../src/schema/types/kind.ts";
import type { Leaf } from "../../src/schema/types/leaf.ts";
import { compileFilter } from "../query/compiled.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { testImage } from "../support/protos.ts";
import { REPO_ROOT } from "../support/tools.ts";

const BUF = join(REPO_ROOT, "node_modules", ".bin", "buf");

/** Set SEED to run the same values again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const VALUES = 60;
const PROTOS = "node_modules/google-gax/build/protos";

/** A kind with what the message of all kinds says of its fields. */
interface Subject {
  /** As it is in the names of fields. */
  readonly id: string;
  readonly type: Partial<FieldDescriptorProto>;
  readonly column: ColumnForm | undefined;
  readonly message?: MessageKind;
}

const SUBJECTS: readonly Subject[] = [
  ...Object.entries(SCALARS).map(([type, { column }]) => ({
    id: ScalarType[Number(type)]?.toLowerCase() ?? "",
    // The numbers of scalars are those of the descriptors.
    type: { type: Number(type) as Type },
    column,
  })),
  {
    id: "enum",
    type: { type: Type.ENUM, typeName: ".laws.v1.Mood" },
    column: enumColumn({} as Parameters<typeof enumColumn>[0]),
  },
  ...MESSAGES.map((message) => ({
    id: message.typeName.toLowerCase().replaceAll(".", "_"),
    type: { type: Type.MESSAGE, typeName: `.${message.typeName}` },
    column: message.column,
    message,
  })),
];

const { desc, registry } = makeKinds();
const plan = planResources([{ resource: desc }])[0] as ResourcePlan;

/** A message with fields of all kinds: alone, in a list, a map and a oneof, and in a column. */
function makeKinds(): { desc: DescMessage; registry: Registry } {
  const google = createFileRegistry(
    fromBinary(
      FileDescriptorSetSchema,
      execFileSync(BUF, ["build", PROTOS, "--path", `${PROTOS}/google/type`, "--output", "-"], {
        cwd: REPO_ROOT,
        maxBuffer: 64 * 1024 * 1024,
      }),
    ),
  );
  const known = createFileRegistry(fromBinary(FileDescriptorSetSchema, testImage()));
  const findMessage = (name: string) => known.getMessage(name) ?? google.getMessage(name);
  const fields = [
    fieldOf(1, "name", { type: Type.STRING }),
    fieldOf(2, "create_time", { type: Type.MESSAGE, typeName: ".google.protobuf.Timestamp" }),
    fieldOf(3, "update_time", { type: Type.MESSAGE, typeName: ".google.protobuf.Timestamp" }),
    fieldOf(4, "etag", { type: Type.STRING }),
    columnField(5, "reference", { type: Type.STRING }, ""),
  ];
  const entries: { name: string; field: FieldDescriptorProto[] }[] = [];
  for (const [index, { id, type, column: form }] of SUBJECTS.entries()) {
    const number = 100 + 10 * index;
    const entry = `Map${pascal(id)}Entry`;
    const ofMap = { type: Type.MESSAGE, typeName: `.laws.v1.Kinds.${entry}` };
    fields.push(fieldOf(number, `j_${id}`, type));
    fields.push(fieldOf(number + 1, `list_${id}`, { ...type, label: Label.REPEATED }));
    fields.push(fieldOf(number + 2, `map_${id}`, { ...ofMap, label: Label.REPEATED }));
    fields.push(fieldOf(number + 3, `one_${id}`, { ...type, oneofIndex: index }));
    if (form) fields.push(columnField(number + 4, `c_${id}`, type, form.option));
    const parts = [fieldOf(1, "key", { type: Type.STRING }), fieldOf(2, "value", type)];
    entries.push({ name: entry, field: parts });
  }
  const options = create(MessageOptionsSchema);
  setExtension(options, resource, {
    $typeName: "google.api.ResourceDescriptor",
    ...{ type: "laws.example.com/Kinds", pattern: ["kinds/{kinds}"], nameField: "", history: 0 },
    ...{ plural: "kinds", singular: "kinds", style: [] },
  });
  setExtension(options, table, {
    $typeName: "protostore.v1.TableOptions",
    ...{ name: "kinds", key: "KindsId", parentKey: "", indexedFields: [] },
  });
  const names = new Set(["google.protobuf.Timestamp", ...MESSAGES.map(({ typeName }) => typeName)]);
  const files = [...names].map((name) => findMessage(name)?.file);
  const file = create(FileDescriptorProtoSchema, {
    name: "laws/v1/kinds.proto",
    package: "laws.v1",
    syntax: "proto3",
    dependency: [...new Set(files.map((found) => found?.proto.name ?? ""))],
    enumType: [
      {
        name: "Mood",
        value: ["MOOD_UNSPECIFIED", "GOOD"].map((name, number) => ({ name, number })),
      },
    ],
    messageType: [
      {
        name: "Kinds",
        field: fields,
        options,
        oneofDecl: SUBJECTS.map(({ id }) => ({ name: `any_${id}` })),
        nestedType: entries.map((entry) => ({ ...entry, options: { mapEntry: true } })),
      },
    ],
  });
  const own: FileRegistry = createFileRegistry(file, (name) => {
    return known.getFile(name) ?? google.getFile(name);
  });
  const found = own.getMessage("laws.v1.Kinds");
  if (!found) throw new Error("there is no message of all kinds");
  return { desc: found, registry: createRegistry(own, known) };
}

function fieldOf(number: number, name: string, type: Partial<FieldDescriptorProto>) {
  const jsonName = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return create(FieldDescriptorProtoSchema, {
    number,
    name,
    jsonName,
    label: Label.OPTIONAL,
    ...(type as object),
  });
}

function columnField(
  number: number,
  name: string,
  type: Partial<FieldDescriptorProto>,
  option: string | undefined,
): FieldDescriptorProto {
  const options = create(FieldOptionsSchema);
  setExtension(options, column, {
    $typeName: "protostore.v1.ColumnOptions",
    ...{ name: pascal(name), maxLength: 0, defaultValue: 0n, timeFormat: 0 },
    currencyCode: option === "currency_code" ? "USD" : "",
  });
  if (name === "reference") {
    const type = "laws.example.com/Kinds";
    const reference = { $typeName: "google.api.ResourceReference", type, childType: "" } as const;
    setExtension(options, resource_reference, reference);
  }
  return fieldOf(number, name, { ...type, options });
}

function pascal(id: string): string {
  return id.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function field(name: string): DescField {
  const found = desc.fields.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`there is no field ${name}`);
  return found;
}

/** Random messages with this field alone, and without unknown fields. */
function* messagesWith(only: DescField, storable: boolean): Generator<ReflectMessage> {
  const skip = (each: DescField) => each.parent === desc && each !== only;
  for (let i = 0; i < VALUES; i++) {
    const made = new ArbitraryMaker(SEED + i, { registry, storable, skip }).message(desc, 0);
    made.setUnknown([]);
    yield reflect(desc, fromBinary(desc, toBinary(desc, made.message)));
  }
}

/** A test of those kinds that have the part; for all others there is none. */
const ofThose = (part: unknown) => (part ? test : () => {});

const bytesOf = (message: Message) => Buffer.from(toBinary(desc, message)).toString("hex");

describe.each(SUBJECTS.map((subject) => [subject.id, subject] as const))("%s", (id, subject) => {
  test("says of each part whether it has one", () => {
    const { typeName } = subject.message ?? {};
    const kind: MessageKind | ScalarKind | undefined =
      subject.message ?? SCALARS[subject.type.type as number as ScalarType];
    const parts = typeName
      ? ["typeName", "column", "json", "outOfRange", "leaf", "inside"]
      : ["column", "leaf", "isZero", "readJson", "writeJson", "writeExact", "key"];
    if (kind) expect(Object.keys(kind)).toEqual(expect.arrayContaining(parts));
    // What has no fields for a filter is a value for it, but for what is not looked into at all.
    const { inside, leaf } = subject.message ?? {};
    if (inside === "nothing" && !leaf) expect(typeName).toMatch(/\.(?:Any|FieldMask)$/);
  });

  test.each(["j", "list", "map", "one"])(
    `is read from JSON as it was written, %s_ (SEED=${SEED})`,
    (place) => {
      const only = field(`${place}_${id}`);
      for (const { message } of messagesWith(only, false)) {
        const text = writeJson(message, [only], registry);
        const back = reflect(desc, create(desc));
        expect([...readJson(text, back, [only], registry).values()], text).toEqual([]);
        expect(bytesOf(back.message), text).toBe(bytesOf(message));
      }
    },
  );

  test("takes from JSON only what it can read", () => {
    const only = field(`j_${id}`);
    for (const json of ["{}", "[]", '"?"', "1e400", "0.5", "true", "[[]]", '{"$wire":"//"}']) {
      const back = reflect(desc, create(desc));
      const faults = readJson(`{"${only.jsonName}":${json}}`, back, [only], registry);
      for (const reason of faults.values()) expect(reason).toMatch(/^j_\w+(?:\.\w+)?: /);
      if (faults.size > 0) expect(back.isSet(only)).toBe(false);
    }
  });

  const { column: form, message: kind } = subject;
  ofThose(form)(`is in a column as it was written (SEED=${SEED})`, () => {
    const { field: only, codec } = columnPlan(`c_${id}`);
    for (const target of messagesWith(only, true)) {
      if (!target.isSet(only)) continue;
      const { columns } = encodeCells(plan, target.message, registry, "kinds");
      const stored = columns[plan.columns.findIndex((each) => each.field === only)] ?? null;
      const back = reflect(desc, create(desc));
      setValue(
        back,
        only,
        codec.decode(stored === null ? "" : asRead(stored, codec.affinities[0])),
      );
      expect(bytesOf(back.message)).toBe(bytesOf(withoutUnknown(target, only)));
    }
  });

  ofThose(form)("refuses what its column cannot mean", () => {
    const { codec } = columnPlan(`c_${id}`);
    const odd = [-1n, 2n ** 40n, 1.5, -1e300, Number.NaN, "", "2024-13-40", "\ud800", Buffer.of(9)];
    for (const value of odd) {
      const decode = () => codec.decode(value);
      try {
        decode();
      } catch {
        expect(decode).toThrow(Unrepresentable);
      }
    }
    expect(odd.length).toBeGreaterThan(odd.filter((value) => isDecoded(codec, value)).length);
  });

  ofThose(kind?.outOfRange)("has a range, which zero is in and the lowest numbers are not", () => {
    const type = (field(`j_${id}`) as DescField & { message: DescMessage }).message;
    const low = reflect(type, create(type));
    for (const each of type.fields) {
      if (each.fieldKind !== "scalar" || each.scalar === ScalarType.STRING) continue;
      low.set(each, each.scalar === ScalarType.INT64 ? -(2n ** 63n) : -(2 ** 31));
    }
    expect(kind?.outOfRange?.(create(type))).toBeUndefined();
    expect(kind?.outOfRange?.(low.message)).toMatch(/must be|must have/);
  });

  const leaf = leafOf(subject);
  ofThose(leaf)("is found by its literal, and not by others", () => {
    const literal = leafKind(leaf as Leaf).sample(leaf as Leaf);
    for (const path of [`j_${id}`, ...(form ? [`c_${id}`] : [])]) {
      expect(find(`${path} = ${literal}`), `${path} = ${literal}`).toEqual([keyOf(id)]);
      expect(find(`${path} != ${literal}`)).not.toContain(keyOf(id));
      expect(find(`${path}:*`)).toContain(keyOf(id));
      expect(find(`list_${id}:${literal}`)).toEqual([keyOf(id)]);
      if (!leafKind(leaf as Leaf).isOrdered) continue;
      expect(find(`${path} >= ${literal}`)).toEqual([keyOf(id)]);
      expect(find(`${path} < ${literal}`)).not.toContain(keyOf(id));
    }
  });
});

function columnPlan(name: string): ColumnPlan {
  return plan.columns.find((each) => each.field.name === name) as ColumnPlan;
}

function setValue(target: ReflectMessage, only: DescField, value: unknown): void {
  const inner = only.fieldKind === "message" ? reflect(only.message, value as Message) : value;
  target.set(only, inner as never);
}

function withoutUnknown(target: ReflectMessage, only: DescField): Message {
  if (only.fieldKind === "message") (target.get(only) as ReflectMessage).setUnknown([]);
  return target.message;
}

/** What SQLite gives back of a value that was bound: an amount is bound as text. */
function asRead(value: NonNullable<SqlValue>, affinity: string | undefined): NonNullable<SqlValue> {
  return affinity === "NUMERIC" && typeof value === "string" ? Number(value) : value;
}

function isDecoded({ decode }: ColumnPlan["codec"], value: NonNullable<SqlValue>): boolean {
  try {
    decode(value);
    return true;
  } catch {
    return false;
  }
}

function leafOf({ id, message, type }: Subject): Leaf | undefined {
  const { enum: mood } = field(`j_${id}`);
  if (message) return message.leaf;
  return mood ? { kind: "enum", desc: mood } : SCALARS[type.type as number as ScalarType].leaf;
}

/** One row for each kind, which has the sample of its literal, and no other kind's. */
let connection: Connection;
const directory = mkdtempSync(join(tmpdir(), "kinds-"));

function keyOf(id: string): bigint {
  return BigInt(1 + SUBJECTS.findIndex((subject) => subject.id === id));
}

beforeAll(() => {
  const path = join(directory, "kinds.db");
  connection = openConnection(path, { create: true, busyTimeoutMs: 1000 });
  const columns = plan.columns.map(({ name, codec }) => `${name} ${codec.affinities[0]}`);
  connection.exec(
    `CREATE TABLE kinds (KindsId INTEGER PRIMARY KEY, ${columns.join(", ")}, data TEXT, revision INTEGER)`,
  );
  for (const subject of SUBJECTS) {
    const target = reflect(desc, create(desc));
    const leaf = leafOf(subject);
    try {
      if (leaf) setSamples(target, subject, leafKind(leaf).sample(leaf));
    } catch (cause) {
      throw new Error(`the sample of ${subject.id} is no value of it`, { cause });
    }
    const { columns: cells, data } = encodeCells(plan, target.message, registry, "kinds");
    const values = [keyOf(subject.id), ...cells, data];
    connection
      .prepare(`INSERT INTO kinds VALUES (${values.map(() => "?").join(", ")}, 1)`)
      .run(...values);
  }
});

afterAll(() => {
  connection.close();
  rmSync(directory, { recursive: true });
});

/** Sets what the literal means: as JSON has it, or else as the column has. */
function setSamples(
  target: ReflectMessage,
  { id, column: form, message }: Subject,
  literal: string,
) {
  const json = /^(?:".*"|true|\d+)$/.test(literal) ? JSON.parse(literal) : literal;
  const single = field(`j_${id}`);
  if (message && !message.json) {
    setValue(target, single, columnPlan(`c_${id}`).codec.decode(json));
  } else {
    const text = JSON.stringify({ [single.jsonName]: json });
    expect([...readJson(text, target, [single], registry).values()]).toEqual([]);
  }
  if (form) target.set(field(`c_${id}`), target.get(single as never));
  target
    .get(field(`list_${id}`) as DescField & { fieldKind: "list" })
    .add(target.get(single as never));
}

function find(filter: string): readonly bigint[] {
  const { where, parameters } = compileFilter(plan, filter);
  return connection
    .prepare(`SELECT KindsId FROM kinds WHERE ${where} ORDER BY KindsId`)
    .pluck()
    .all(...parameters) as bigint[];
}

describe("strings that are more to their table", () => {
  test.each(["reference", "etag"] as const)("%s", (kind) => {
    const { resource } = plan;
    const leaf: Leaf = kind === "etag" ? { kind } : { kind, resource, own: false };
    const text = JSON.parse(leafKind(leaf).sample(leaf));
    const value = LEAVES[kind].read({ text, pieces: [text], quoted: true }, leaf as never);
    expect(value.kind).toBe("key");
    expect(find(`${kind} = ${leafKind(leaf).sample(leaf)}`)).toEqual([]);
    expect(find(kind === "etag" ? 'etag = "\\"1\\""' : 'reference = ""')).toHaveLength(
      SUBJECTS.length,
    );
  });
});

describe("no other file knows the kinds", () => {
  const files = globSync("src/{schema,query,database/sql}/**/*.ts", { cwd: REPO_ROOT })
    .filter((path) => !path.startsWith("src/schema/types/"))
    .map((path) => ({ path, text: readFileSync(join(REPO_ROOT, path), "utf8") }));

  test("by name", () => {
    const named = files.flatMap(({ path, text }) =>
      [...text.matchAll(/"google\.(?:protobuf|type)\.\w+"/g)].map(([name]) => `${path}: ${name}`),
    );
    // The two times of every resource.
    const standard = 'src/schema/plan.ts: "google.protobuf.Timestamp"';
    expect(named).toEqual([standard, standard]);
  });

  test("so that an unknown one would pass in silence", () => {
    const lenient = [...files, ...ownFiles()].flatMap(({ path, text }) =>
      [...text.matchAll(/^( *)switch \((.*)\) \{$([\s\S]*?)^\1\}/gm)]
        .filter(([, , subject]) =>
          /\b(?:fieldKind|scalar|typeName|mapKey|leaf\.kind)$/.test(subject ?? ""),
        )
        .filter(([, , , body]) => /^ *default:(?!\s*throw)/m.test(body ?? ""))
        .map(([, , subject]) => `${path}: switch (${subject})`),
    );
    expect(lenient.filter((line) => !MAKES_SQL.test(line))).toEqual([]);
  });
});

/** What makes SQL of a leaf tells kinds apart by the SQL that they share. */
const MAKES_SQL =
  /^src\/database\/sql\/filter\/(?:comparable|compare-column|json-sql)\.ts: switch \(leaf\.kind\)$/;

function ownFiles() {
  return globSync("src/schema/types/*.ts", { cwd: REPO_ROOT }).map((path) => ({
    path,
    text: readFileSync(join(REPO_ROOT, path), "utf8"),
  }));
}
