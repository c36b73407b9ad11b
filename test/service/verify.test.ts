// What verify finds in rows, for every resource: bytes with a flipped bit, checksums of other rows, text
// that is no text, rows that belong to nothing; and that --repair mends damaged bytes and nothing else.

import { Buffer } from "node:buffer";
import { toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { planResources } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { findingsOf } from "../support/verified.ts";
import { runCli } from "./cli.ts";
import { failureOf, openSql } from "./support.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** The server's own mark, under which its triggers rest: as if a disk had changed the bytes. */
function unseen(sql: string): string {
  return `BEGIN IMMEDIATE; UPDATE store_state SET writing = 1; ${sql};
    UPDATE store_state SET writing = 0; COMMIT;`;
}

describe.for(PLANS.map((plan, index) => ({ name: plan.desc.name, plan, index })))(
  "$name",
  ({ plan, index }) => {
    const service = (RESOURCES[index] as (typeof RESOURCES)[number]).service;
    const start = async () => {
      const running = await startTestService({ fixtures: true });
      const client = standardClient(running.connection, service, plan);
      const created = await client.create(makeResource(plan, REGISTRY, index + 1));
      const name = reflect(plan.desc, created).get(plan.standard.name) as string;
      const key = name.slice(name.indexOf("/") + 1);
      const sql = openSql(running.database);
      const set = (what: string) =>
        sql.exec(unseen(`UPDATE ${plan.table} SET ${what} WHERE ${plan.key} = ${key}`));
      return { ...running, client, created, name, key, sql, set };
    };

    test("each byte of the message flipped: found, served to nobody, and mended", async () => {
      const { client, created, name, key, sql, set, database } = await start();
      const read = sql.prepare(`SELECT wire FROM ${plan.table} WHERE ${plan.key} = ?`).pluck();
      const wire = Buffer.from(read.get(BigInt(key)) as Uint8Array);
      const step = Math.ceil(wire.length / 8);
      for (let at = 0; at < wire.length; at += step) {
        const flipped = Buffer.from(wire);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        set(`wire = x'${flipped.toString("hex")}'`);
        expect(await findingsOf(database)).toMatchObject([{ kind: "checksum", subject: name }]);
        expect(await failureOf(client.get(name))).toMatchObject({ code: "DATA_LOSS" });
      }
      const mended = await runCli("verify", "--database", database, "--repair");
      expect(mended).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`${name}: its bytes were made anew from its columns`),
      });
      expect(await findingsOf(database)).toEqual([]);
      const after = await client.get(name);
      const etag = plan.standard.etag;
      expect(reflect(plan.desc, after).get(etag)).not.toBe(reflect(plan.desc, created).get(etag));
      reflect(plan.desc, after).set(etag, reflect(plan.desc, created).get(etag));
      expect(toBinary(plan.desc, after)).toEqual(toBinary(plan.desc, created));
    });

    test("a checksum that is another's, a revision of the future, and damage beside bad columns", async () => {
      const { name, set, database } = await start();
      set("checksum = checksum + 1");
      expect(await findingsOf(database)).toMatchObject([{ kind: "checksum", subject: name }]);
      set("checksum = checksum + 999, revision = revision + 1000");
      expect(await findingsOf(database)).toMatchObject([{ kind: "revision", subject: name }]);
      // Nothing to mend from: it stays as it is.
      set("wire = x'00', data = '{\"noSuchField\": 1}'");
      const findings = await findingsOf(database);
      expect(findings.map(({ kind }) => kind)).toContain("unreadable");
      expect(findings.at(-1)).not.toHaveProperty("repair");
      const { code, stdout } = await runCli("verify", "--database", database, "--repair");
      expect(code).toBe(1);
      expect(stdout).not.toContain("made anew");
    });

    const texts = plan.columns.filter(({ codec }) => codec.affinities.includes("TEXT"));
    test("bytes that are no text, in each column that holds text", async () => {
      const { key, name, database, sql } = await start();
      for (const { name: column, field } of texts) {
        sql.exec(
          `SAVEPOINT one; UPDATE ${plan.table} SET ${column} = CAST(x'41ff42' AS TEXT) ` +
            `WHERE ${plan.key} = ${key}; RELEASE one`,
        );
        const found = (await findingsOf(database)).filter(({ kind }) => kind === "unreadable");
        expect(
          found.map(({ subject }) => subject),
          column,
        ).toContain(name);
        expect(found.map(({ problem }) => problem).join()).toContain(field.name);
      }
    });
  },
);

test("rows that belong to nothing are found in child and in link tables", async () => {
  const { database } = await startTestService({ fixtures: true });
  const sql = openSql(database);
  sql.pragma("foreign_keys = OFF");
  for (const plan of PLANS) {
    for (const { table, parentKey } of plan.children) {
      sql.exec(
        `UPDATE ${table} SET ${parentKey} = 9999 WHERE rowid = (SELECT min(rowid) FROM ${table})`,
      );
      const found = await findingsOf(database);
      const name = `${plan.resource.collection}/9999`;
      expect(found).toContainEqual(
        expect.objectContaining({
          kind: "orphaned",
          subject: table,
          problem: expect.stringContaining(name),
        }),
      );
    }
    for (const { table, column } of plan.links) {
      sql.exec(
        `UPDATE ${table} SET ${column} = 9999 WHERE rowid = (SELECT min(rowid) FROM ${table})`,
      );
      const found = await findingsOf(database);
      const problem = expect.stringContaining(`${plan.resource.collection}/9999, which does not`);
      expect(found).toContainEqual(
        expect.objectContaining({ kind: "orphaned", subject: table, problem }),
      );
    }
  }
});
