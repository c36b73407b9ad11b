// What clients had of a server they have of the copy, byte for byte: messages, pages, page tokens, request ids,
// search; and the way back gives the same hashes.

import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { planResources } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { runCli } from "../service/cli.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { realChinook } from "../support/chinook.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { tempDir } from "../support/temp.ts";
import { findingsOf } from "../support/verified.ts";
import { copyDatabase, hashesOf } from "./copying.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
/** How many random messages of each resource are tried. */
const MESSAGES = 4;

/** An empty database that is gone when the test is over. */
async function emptyUrl(): Promise<string> {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  return empty.url;
}

/** All messages of all resources, in the bytes that a List gives. */
async function everythingOf({ connection }: TestService): Promise<readonly string[]> {
  const all: string[] = [];
  for (const [index, plan] of PLANS.entries()) {
    const { service } = RESOURCES[index] as (typeof RESOURCES)[number];
    const messages = await standardClient(connection, service, plan).listAll(1_000);
    all.push(...messages.map((each) => Buffer.from(toBinary(plan.desc, each)).toString("hex")));
  }
  return all;
}

async function pageOf({ connection }: TestService, pageToken: string) {
  return connection.service(ArtistService).listArtists({ pageSize: 2, pageToken });
}

const createOnce = ({ connection }: TestService, requestId: string) =>
  connection.service(ArtistService).createArtist({ artist: { displayName: "Once" }, requestId });

test("clients go on with the copy where they were: from a server to a file, and on to a server", async () => {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const first = await startTestService({ database: empty.url, fixtures: true });
  let stored = 0;
  for (const [index, plan] of PLANS.entries()) {
    const { service } = RESOURCES[index] as (typeof RESOURCES)[number];
    const client = standardClient(first.connection, service, plan);
    for (let seed = 1; seed <= MESSAGES; seed++) {
      const message = makeResource(plan, REGISTRY, Date.now() + seed);
      // PostgreSQL refuses U+0000 in texts.
      const created = await client.create(message).catch(() => undefined);
      if (created) stored += 1;
      if (created && seed === MESSAGES) {
        await client.delete(reflect(plan.desc, created).get(plan.standard.name) as string);
      }
    }
  }
  expect(stored).toBeGreaterThan(PLANS.length);
  await empty.other.script("UPDATE tracks SET Composer = 'by another program' WHERE TrackId < 5");
  const id = crypto.randomUUID();
  const once = await createOnce(first, id);
  const page = await pageOf(first, "");
  const rest = await pageOf(first, page.nextPageToken);
  const all = await everythingOf(first);
  const deleted = await first.connection
    .service(ArtistService)
    .createArtist({ artist: { displayName: "Last" } });
  await first.connection.service(ArtistService).deleteArtist({ name: deleted.name });
  await first.stop();

  const path = join(tempDir(), "copy.db");
  const there = await copyDatabase(empty.url, path);
  expect(there).toMatchObject({ problems: [], error: undefined, leftOut: [], isResumed: false });
  expect(await findingsOf(path)).toEqual([]);
  const inFile = await startTestService({ database: path });
  expect(await everythingOf(inFile)).toEqual(all);
  await expectToGoOn(inFile);
  await inFile.stop();

  const url = await emptyUrl();
  const back = await copyDatabase(path, url);
  expect(back).toMatchObject({ problems: [], error: undefined });
  const onServer = await startTestService({ database: url });
  await expectToGoOn(onServer);

  const [from, to] = [empty.url, await emptyUrl()].map(besideDeadHost);
  const direct = await copyDatabase(from as string, to as string);
  expect(direct).toMatchObject({ problems: [], error: undefined });
  expect(hashesOf(direct)).toEqual(hashesOf(there));

  async function expectToGoOn(service: TestService): Promise<void> {
    expect((await pageOf(service, page.nextPageToken)).artists).toEqual(rest.artists);
    expect(await createOnce(service, id)).toEqual(once);
    const artists = service.connection.service(ArtistService);
    const update = { name: once.name, displayName: "Twice", etag: `"0"` };
    await expect(artists.updateArtist({ artist: update })).rejects.toThrow("etag");
    const { name } = await artists.createArtist({ artist: { displayName: "New" } });
    expect(name).not.toBe(deleted.name);
    await artists.deleteArtist({ name });
  }
});

/** The address with another host before its own, at which nobody is. */
function besideDeadHost(url: string): string {
  return url.replace("@", "@127.0.0.1:1,");
}

const chinook = realChinook();

test.skipIf(!chinook)("the real file goes there and back with the same hashes", async () => {
  const folder = tempDir();
  const path = join(folder, "chinook.db");
  copyFileSync(chinook as string, path);
  chmodSync(path, 0o600);
  expect(await runCli("adopt", path)).toMatchObject({ code: 0 });
  const url = await emptyUrl();
  const there = await runCli("copy", path, url);
  expect(there).toMatchObject({ code: 0, stderr: "" });
  const back = join(folder, "back.db");
  const copied = await copyDatabase(url, back);
  expect(copied).toMatchObject({ problems: [], error: undefined });
  const hashes = Object.entries(hashesOf(copied));
  for (const [name, hash] of hashes)
    expect(there.stdout).toMatch(new RegExp(`^${name} .* equal +${hash}$`, "m"));
  const rows = copied.tables.reduce((sum, table) => sum + table.rows, 0);
  expect(rows).toBe(15_607);
  expect(await findingsOf(back)).toEqual([]);
  const [before, after] = [
    await startTestService({ database: path }),
    await startTestService({ database: back }),
  ];
  expect(await everythingOf(after)).toEqual(await everythingOf(before));
  const search = ({ connection }: TestService) =>
    connection.service(TrackService).searchTracks({ query: "love", pageSize: 50 });
  expect((await search(after)).results).toEqual((await search(before)).results);
});
