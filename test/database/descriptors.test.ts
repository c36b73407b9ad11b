// What another version of a proto may change under stored rows, and what stops the start by name.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clearExtension, create, setExtension } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, onTestFinished, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { ColumnOptionsSchema, column } from "../../gen/protostore/v1/options_pb.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { StoreError } from "../../src/errors.ts";
import type { Limits } from "../../src/limits.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { EVERYTHING_TABLES } from "../support/everything.ts";
import { makeDatabase, planImage, serveImage } from "../support/image-service.ts";
import { dropFields, enumIn, fieldIn, imageWith, messageIn } from "../support/images.ts";
import { outsideTriggers } from "../support/outside-triggers.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";

const FILE = "everything/v1/everything.proto";
const TYPE = "everything.v1.Everything";
const IMAGE = imageWith(FILE);
const { plan } = planImage(IMAGE, TYPE);

type Change = (file: FileDescriptorProto) => void;

const field = (file: FileDescriptorProto, name: string, message = "Everything") =>
  fieldIn(messageIn(file, message), name);

function addField(
  file: FileDescriptorProto,
  message: string,
  init: Partial<FieldDescriptorProto> & { name: string; number: number },
): void {
  const { $typeName: _, $unknown: __, ...rest } = init;
  const label = FieldDescriptorProto_Label.OPTIONAL;
  messageIn(file, message).field.push(
    create(FieldDescriptorProtoSchema, { type: Type.STRING, label, jsonName: init.name, ...rest }),
  );
}

/** A file with one row that has a value in everything that the changes are about. */
async function stored(title = false) {
  const directory = tempDir();
  // The triggers look at all columns that any of the protos has.
  const columns = title ? [...plan.columns, { ...plan.columns[0], name: "Title" }] : plan.columns;
  const triggers = outsideTriggers({ ...plan, columns } as ResourcePlan);
  const database = await makeDatabase(directory, (title ? TABLES : EVERYTHING_TABLES) + triggers);
  const serve = async (image: Uint8Array, readOnly = false, limits: Partial<Limits> = {}) => {
    const service = await serveImage(directory, image, [TYPE], { database, readOnly, limits });
    onTestFinished(() => service.stop());
    return service;
  };
  const service = await serve(IMAGE);
  const message = reflect(plan.desc, create(plan.desc));
  const set = (name: string, value: unknown) => {
    const found = plan.desc.fields.find((candidate) => candidate.name === name);
    if (!found) throw new Error(name);
    message.set(found, value);
  };
  set("c_string", "text");
  set("j_string", "text");
  set("j_bytes", new Uint8Array([1]));
  set("j_color", 1);
  set("j_int32", 7);
  await service.client.create(message.message);
  await service.stop();
  return { database, serve };
}

const REFUSED: Readonly<Record<string, readonly [Change, string]>> = {
  "a number with another type": [
    (file) => {
      field(file, "j_string").type = Type.INT64;
    },
    "everything.v1.Everything.j_string: is int64, and number 63 was string j_string; give the new field another number, and reserve this one",
  ],
  "a list in place of a value": [
    (file) => {
      field(file, "j_int32").label = FieldDescriptorProto_Label.REPEATED;
    },
    "everything.v1.Everything.j_int32: is a list of int32, and number 52 was int32 j_int32; give the new field another number, and reserve this one",
  ],
  "another name in JSON": [
    (file) => {
      Object.assign(field(file, "j_string"), { name: "title", jsonName: "title" });
    },
    'everything.v1.Everything.title: is "title" in JSON, and was "jString"; keep the old name there with [json_name = "jString"], or rename the keys by a migration',
  ],
  "another number of a name": [
    (file) => {
      field(file, "j_string").number = 900;
    },
    "everything.v1.Everything.j_string: has the number 900, and had 63; give it its number back, or another name",
  ],
  "from JSON to a column": [
    (file) => {
      const moved = field(file, "j_string");
      moved.options = create(FieldOptionsSchema);
      setExtension(moved.options, column, create(ColumnOptionsSchema, { name: "Title" }));
    },
    "everything.v1.Everything.j_string: is in the column title, and was in JSON; put it back, or move the values by a migration: UPDATE everythings SET Title = data ->> '$.jString', data = json_remove(data, '$.jString')",
  ],
  "from a column to JSON": [
    (file) => {
      const moved = field(file, "c_string");
      if (moved.options) clearExtension(moved.options, column);
    },
    "everything.v1.Everything.c_string: is in JSON, and was in the column cstring; put it back, or move the values into data by a migration, and drop the column CString",
  ],
  "a value of an enum with another name": [
    (file) => {
      const color = enumIn(file, "Color");
      color.value = color.value.filter(({ name }) => name !== "COLOR_CRIMSON");
      for (const value of color.value) if (value.number === 1) value.name = "COLOR_SCARLET";
      color.options = undefined;
    },
    "everything.v1.Color.COLOR_RED: is called COLOR_SCARLET now; keep the old name as an alias (allow_alias), behind the new one",
  ],
  "a field of a column that is gone": [
    (file) => {
      dropFields(messageIn(file, "Everything"), ["c_string"]);
    },
    "everything.v1.Everything.c_string: is not in this server's proto, and rows have it in the column CString; serve with the proto that has it, or drop the column by a migration: its values are lost then",
  ],
  "two fields that become a oneof": [
    (file) => {
      const message = messageIn(file, "Everything");
      const index = message.oneofDecl.findIndex(({ name }) => name === "j_choice");
      for (const name of ["j_string", "j_bytes"]) fieldIn(message, name).oneofIndex = index;
    },
    "everything.v1.Everything.j_choice: makes a oneof of",
  ],
};

/** The columns that the changed protos have beside those that are there. */
const TABLES = EVERYTHING_TABLES.replace(
  "CString NVARCHAR(40) NOT NULL",
  "CString NVARCHAR(40) NOT NULL DEFAULT '', Title TEXT NOT NULL DEFAULT ''",
);

describe("the start refuses", () => {
  test.for(Object.entries(REFUSED))("%s", async ([, [change, reason]]) => {
    const { serve } = await stored(true);
    const changed = imageWith(FILE, change);
    for (const readOnly of [false, true]) {
      const error = await serve(changed, readOnly).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).code).toBe("SCHEMA_INCOMPATIBLE");
      expect((error as StoreError).message).toContain(reason);
    }
    // Nothing has changed: the right descriptors are served as before.
    await serve(IMAGE);
  });

  test.for(Object.entries(REFUSED))("%s, unless the table is empty", async ([, [change]]) => {
    const { database, serve } = await stored(true);
    const connection = openConnection(database, { busyTimeoutMs: 1000 });
    connection.exec("DELETE FROM everythings");
    connection.close();
    await serve(imageWith(FILE, change));
  });
});

test("a field may move to a column if a migration moves its values", async () => {
  const { database, serve } = await stored(true);
  const [change] = REFUSED["from JSON to a column"] as readonly [Change, string];
  const connection = openConnection(database, { busyTimeoutMs: 1000 });
  connection.exec(
    "UPDATE everythings SET Title = data ->> '$.jString', data = json_remove(data, '$.jString')",
  );
  connection.close();
  const service = await serve(imageWith(FILE, change));
  const [message] = await service.client.listAll(10);
  expect((message as unknown as { jString: string }).jString).toBe("text");
});

test("a new field shows what its column held before, also in rows that have bytes", async () => {
  const { database, serve } = await stored(true);
  const sql = openConnection(database, { busyTimeoutMs: 1000 });
  // A column of the file's own, which no server has known: its triggers look at it all the same.
  sql.exec(`UPDATE everythings SET Title = 'held'`);
  const filled = await serve(IMAGE, false, { fillRowsPerSecond: 1_000_000, fillPauseMs: 5 });
  const bare = sql.prepare("SELECT count(*) FROM everythings WHERE checksum IS NULL").pluck();
  await expect.poll(() => bare.get(), { timeout: 20_000 }).toBe(0n);
  const [before] = await filled.client.listAll(10);
  await filled.stop();
  const withTitle = imageWith(FILE, (file) => {
    const options = create(FieldOptionsSchema);
    setExtension(options, column, create(ColumnOptionsSchema, { name: "Title" }));
    addField(file, "Everything", { name: "title", number: 991, options });
  });
  for (let start = 0; start < 2; start++) {
    const service = await serve(withTitle, false, { fillRowsPerSecond: 1_000_000 });
    const [message] = await service.client.listAll(10);
    expect(message).toMatchObject({ title: "held", etag: (before as { etag?: string }).etag });
    await expect.poll(() => bare.get(), { timeout: 20_000 }).toBe(0n);
    expect((await service.client.listAll(10))[0]).toEqual(message);
    await service.stop();
  }
  sql.close();
});

test("JSON that only another proto knows is left as it is by who fills rows", async () => {
  const { database, serve } = await stored();
  const sql = openConnection(database, { busyTimeoutMs: 1000 });
  const older = imageWith(FILE, (file) => {
    dropFields(messageIn(file, "Everything"), ["j_bytes"]);
  });
  const service = await serve(older, false, { fillRowsPerSecond: 1_000_000, fillPauseMs: 5 });
  const { client, connection } = service;
  // Such as the newer server would read them: by their names, and beside a field that both know.
  sql.exec(`UPDATE everythings SET data = json_object('jBytes', 'AQI=', 'jInt32', 8)`);
  const fill = async () => (await connection.service(DatabaseService).getDatabaseStatus({})).fill;
  await expect.poll(fill, { timeout: 20_000 }).toMatchObject({ leftRowCount: 1n });
  const bare = sql.prepare("SELECT wire IS NULL FROM everythings").pluck();
  expect(bare.get()).toBe(1n);
  const [message] = await client.listAll(10);
  expect(message?.$unknown).toMatchObject([{ no: 64 }]);
  sql.exec(`UPDATE everythings SET data = json_object('jInt32', 9)`);
  await expect.poll(() => bare.get(), { timeout: 20_000 }).toBe(0n);
  sql.close();
});

test("a field may have another name if it keeps that in JSON", async () => {
  const { serve } = await stored();
  const service = await serve(
    imageWith(FILE, (file) => {
      field(file, "j_string").name = "title";
    }),
  );
  const [message] = await service.client.listAll(10);
  expect((message as unknown as { title: string }).title).toBe("text");
});

test("a key that nobody ever knew stays unreadable", async () => {
  const { database, serve } = await stored();
  const connection = openConnection(database, { busyTimeoutMs: 1000 });
  connection.exec(`UPDATE everythings SET data = json_set(data, '$.nobodys', 1)`);
  connection.close();
  const older = imageWith(FILE, (file) => {
    dropFields(messageIn(file, "Everything"), ["j_bytes"]);
  });
  const service = await serve(older);
  await expect(service.client.get("everythings/1")).rejects.toThrow(/nobodys/);
});

test("the status tells of descriptors and of rows that were derived anew", async () => {
  const { database, serve } = await stored();
  const older = await serve(
    imageWith(FILE, (file) => {
      dropFields(messageIn(file, "Everything"), ["j_bytes"]);
    }),
  );
  const message = create(plan.desc);
  const bytes = plan.desc.fields.find(({ name }) => name === "j_bytes");
  if (bytes) reflect(plan.desc, message).set(bytes, new Uint8Array([1, 2]));
  // The client of the older server sends what the newer one knows.
  const unknown = [{ no: 64, wireType: 2, data: new Uint8Array([2, 1, 2]) }];
  const sent = create(older.plans[0]?.desc ?? plan.desc);
  sent.$unknown = unknown;
  await older.client.create(sent);
  await older.stop();
  const service = await serve(IMAGE);
  const { schema } = await service.connection.service(DatabaseService).getDatabaseStatus({});
  expect(schema?.descriptorsSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(schema?.derivation).toMatchObject({ rowsDone: 1n, rowsTotal: 1n, finished: true });
  const connection = openConnection(database, { readOnly: true, busyTimeoutMs: 1000 });
  expect(
    connection.prepare("SELECT data FROM everythings WHERE EverythingId = 2").pluck().get(),
  ).toBe('{"jBytes":"AQI="}');
  connection.close();
});

test("a value of an enum that an older server did not know gets its name in JSON", async () => {
  const { database, serve } = await stored();
  const older = await serve(
    imageWith(FILE, (file) => {
      const color = enumIn(file, "Color");
      color.value = color.value.filter(({ name }) => name !== "COLOR_NEGATIVE");
    }),
  );
  const { desc } = older.plans[0] ?? plan;
  await older.client.create(create(desc, { jColor: -7, jColors: [-7] } as never));
  await older.stop();
  await serve(IMAGE);
  const connection = openConnection(database, { readOnly: true, busyTimeoutMs: 1000 });
  expect(
    connection.prepare("SELECT data FROM everythings WHERE EverythingId = 2").pluck().get(),
  ).toBe('{"jColor":"COLOR_NEGATIVE","jColors":["COLOR_NEGATIVE"]}');
  connection.close();
});

test("a derivation that was interrupted goes on where it was", async () => {
  const { database, serve } = await stored();
  const dropped = imageWith(FILE, (file) => {
    dropFields(messageIn(file, "Everything"), ["j_bytes"]);
  });
  const older = await serve(dropped);
  for (let i = 0; i < 5; i++) {
    const sent = create(older.plans[0]?.desc ?? plan.desc);
    sent.$unknown = [{ no: 64, wireType: 2, data: new Uint8Array([1, i]) }];
    await older.client.create(sent);
  }
  await older.stop();
  // As a process leaves it that is killed after three of the five.
  const connection = openConnection(database, { busyTimeoutMs: 1000 });
  connection.exec(`UPDATE schema_state SET derivation_hash = current_hash,
    derivation_table = 'everythings', derivation_key = 4, rows_done = 3, rows_total = 5`);
  const service = await serve(IMAGE);
  const marked = connection
    .prepare(`SELECT EverythingId FROM everythings WHERE instr(data, '"$unknown"') > 0`)
    .pluck()
    .all();
  connection.close();
  expect(marked).toEqual([2n, 3n, 4n]);
  const { schema } = await service.connection.service(DatabaseService).getDatabaseStatus({});
  expect(schema?.derivation).toMatchObject({ rowsDone: 5n, rowsTotal: 5n, finished: true });
});

test("protostore schema export writes what buf reads, and overwrites nothing", async () => {
  const { database } = await stored();
  const file = join(tempDir(), "schema.binpb");
  const run = () =>
    execFileSync(
      process.execPath,
      [join(REPO_ROOT, "src/main.ts"), "schema", "export", file, "--database", database],
      { encoding: "utf8", stdio: "pipe" },
    );
  run();
  expect(existsSync(file)).toBe(true);
  const before = readFileSync(file);
  const buf = (...args: string[]) =>
    execFileSync(join(REPO_ROOT, "node_modules/.bin/buf"), args, { cwd: REPO_ROOT, stdio: "pipe" });
  buf("build", file);
  const against = ["--against", `${file}#format=binpb`, "--exclude-imports"];
  buf("breaking", "test/proto", ...against);
  const other = join(tempDir(), "other.binpb");
  const [change] = REFUSED["a number with another type"] as readonly [Change, string];
  writeFileSync(other, imageWith(FILE, change));
  expect(() => buf("breaking", other, ...against)).toThrow();
  expect(run).toThrow(/is there already/);
  expect(readFileSync(file)).toEqual(before);
});

describe("a proto is refused", () => {
  const NOTHING_FILLS = "is not supported: nothing here would fill it";
  test.for(["uid", "delete_time", "purge_time"])("with %s", async (name) => {
    const image = imageWith(FILE, (file) => addField(file, "Everything", { name, number: 990 }));
    expect(() => planImage(image, TYPE)).toThrow(`${TYPE}.${name}: ${NOTHING_FILLS}`);
  });

  test("an expire_time of the client's own is stored", () => {
    const image = imageWith(FILE, (file) =>
      addField(file, "Everything", { name: "expire_time", number: 990 }),
    );
    expect(planImage(image, TYPE).plan.dataFields.some(({ number }) => number === 990)).toBe(true);
  });

  test.for([
    "GetEverythingRequest",
    "CreateEverythingRequest",
    "UpdateEverythingRequest",
    "DeleteEverythingRequest",
  ])("with a parent in %s", async (request) => {
    const directory = tempDir();
    const database = await makeDatabase(directory, EVERYTHING_TABLES + outsideTriggers(plan));
    const image = imageWith(FILE, (file) => addField(file, request, { name: "parent", number: 9 }));
    const start = serveImage(directory, image, [TYPE], { database });
    await expect(start).rejects.toThrow(
      `everything.v1.${request} has fields that would be ignored: parent`,
    );
  });
});
