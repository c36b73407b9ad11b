// Rows that were written with other descriptors, on a server of databases: they are derived anew, read by what
// other servers know, or refused by name. What is compared is tested over files, in ../database.

import { create } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { readNewestImage } from "../../src/database/postgres/descriptors.ts";
import { migrateUp } from "../../src/database/postgres/migrate/migrate.ts";
import { hashOf } from "../../src/schema/image.ts";
import { planImage, serveImage } from "../support/image-service.ts";
import { dropFields, fieldIn, imageWith, messageIn } from "../support/images.ts";
import { tempDir } from "../support/temp.ts";
import { makeEmptyDatabase } from "./empty.ts";
import { EVERYTHING_TABLES_THERE } from "./everything.ts";

const FILE = "everything/v1/everything.proto";
const TYPE = "everything.v1.Everything";
const IMAGE = imageWith(FILE);

const without = (name: string) =>
  imageWith(FILE, (file) => dropFields(messageIn(file, "Everything"), [name]));

/** The triggers that a migration gives to a resource and its child tables. */
function triggersOf(): string {
  const { plan } = planImage(IMAGE, TYPE);
  const { table, key } = plan;
  const own = `
    CREATE TRIGGER ${table}_before_write BEFORE INSERT OR UPDATE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION store_before_write();
    CREATE TRIGGER ${table}_after_delete AFTER DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION store_after_delete('${table}', '${key.toLowerCase()}');
    CREATE TRIGGER ${table}_after_rename AFTER UPDATE OF ${key} ON ${table}
      FOR EACH ROW EXECUTE FUNCTION store_after_delete('${table}', '${key.toLowerCase()}');`;
  const ofChildren = plan.children.map((child) => {
    const names = [child.table, child.key, child.parentKey, table, key];
    const given = names.map((name) => `'${name.toLowerCase()}'`).join(", ");
    return `CREATE TRIGGER ${child.table}_after_write AFTER INSERT OR UPDATE OR DELETE ON ${child.table}
      FOR EACH ROW EXECUTE FUNCTION store_after_child_write(${given});`;
  });
  return [own, ...ofChildren].join("\n");
}

async function made() {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  await migrateUp(empty.url, { files: [], lockTimeoutMs: 5_000 });
  await empty.other.script(EVERYTHING_TABLES_THERE + triggersOf());
  const directory = tempDir();
  const serve = async (image: Uint8Array) => {
    const options = { database: empty.url, migrations: tempDir() };
    const service = await serveImage(directory, image, [TYPE], options);
    onTestFinished(() => service.stop());
    return service;
  };
  const data = async () => {
    const sql = "SELECT data::text FROM everythings ORDER BY EverythingId";
    return (await empty.other.all({ sql, parameters: [] })).map(([text]) => text);
  };
  return { empty, serve, data };
}

interface Tagged {
  readonly etag: string;
}

/** A field that only the newer proto has, as the client of an older server sends it. */
function withBytes(service: Awaited<ReturnType<typeof serveImage>>, ...bytes: readonly number[]) {
  const data = new Uint8Array([bytes.length, ...bytes]);
  const sent = create(service.plans[0]?.desc as never) as { $unknown?: unknown };
  sent.$unknown = [{ no: 64, wireType: 2, data }];
  return sent as never;
}

const UNKNOWN = ['{"jBytes":"AQ=="}', '{"jBytes":"Ag=="}', '{"jBytes":"Aw=="}'];

test("what an older server did not know is derived anew, and what a newer one wrote is read", async () => {
  const { empty, serve, data } = await made();
  await (await serve(IMAGE)).stop();
  const older = await serve(without("j_bytes"));
  const etags: string[] = [];
  for (const byte of [1, 2, 3]) {
    const { etag } = (await older.client.create(withBytes(older, byte))) as unknown as Tagged;
    etags.push(etag);
  }
  // In JSON, under a name that this server has from the other one's descriptors only.
  await empty.other.script(
    `UPDATE everythings SET data = '{"jBytes":"AQI="}' WHERE EverythingId = 1`,
  );
  expect((await older.client.get("everythings/1")).$unknown).toMatchObject([{ no: 64 }]);
  await empty.other.script(`UPDATE everythings SET data = '{"nobodys":1}' WHERE EverythingId = 1`);
  await expect(older.client.get("everythings/1")).rejects.toThrow(/nobodys/);
  await empty.other.script(`UPDATE everythings SET data = '${UNKNOWN[0]}' WHERE EverythingId = 1`);
  await older.stop();
  const service = await serve(IMAGE);
  expect(await data()).toEqual(UNKNOWN);
  const [, ...others] = (await service.client.listAll(10)) as unknown as Tagged[];
  expect(others.map(({ etag }) => etag)).toEqual(etags.slice(1));
  const { schema } = await service.connection.service(DatabaseService).getDatabaseStatus({});
  const image = await readNewestImage(empty.other);
  expect(schema?.descriptorsSha256).toBe(hashOf(image as Uint8Array));
  expect(schema?.derivation).toMatchObject({ rowsDone: 2n, rowsTotal: 2n, finished: true });
});

test("a derivation that was interrupted goes on; what cannot be read is refused", async () => {
  const { empty, serve, data } = await made();
  const first = await serve(IMAGE);
  await first.client.create(withBytes(first, 0));
  await first.stop();
  const older = await serve(without("j_bytes"));
  for (const byte of [1, 2, 3]) await older.client.create(withBytes(older, byte));
  await older.stop();
  // As a process leaves it that is killed after two of the three.
  await empty.other.script(`UPDATE schema_state SET derivation_hash = current_hash,
    derivation_table = 'everythings', derivation_key = 3, rows_done = 2, rows_total = 3`);
  await (await serve(IMAGE)).stop();
  const [, ...found] = await data();
  expect(found.slice(0, 2).every((text) => String(text).includes("$unknown"))).toBe(true);
  expect(found[2]).toBe(UNKNOWN[2]);
  const renamed = imageWith(FILE, (file) => {
    const field = fieldIn(messageIn(file, "Everything"), "j_bytes");
    Object.assign(field, { name: "title", jsonName: "title" });
  });
  await expect(serve(renamed)).rejects.toMatchObject({
    code: "SCHEMA_INCOMPATIBLE",
    message: expect.stringContaining('is "title" in JSON, and was "jBytes"'),
  });
  await empty.other.script("DELETE FROM everythings");
  await serve(renamed);
});
