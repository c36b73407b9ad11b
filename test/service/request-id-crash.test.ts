// Creates with a request_id against a server that is killed again and again: each is sent with its id
// until it is answered, and each makes exactly one row.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type Artist, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { type Connection, connect, RpcError } from "../../src/client/client.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";

/** `REQUEST_ID_CREATES=1000` makes the long version of it. */
const CREATES = Number(process.env.REQUEST_ID_CREATES ?? 100);
const WORKERS = 8;
/** As many answers, at most, between the start of a server and its end. */
const ANSWERS_MAX = Math.max(10, CREATES / 25);
const TIMEOUT_MS = 600_000;

/** A server process, and how it is reached. */
interface Server {
  readonly child: ChildProcess;
  readonly connection: Connection;
}

async function startServer(database: string): Promise<Server> {
  const main = join(REPO_ROOT, "src/main.ts");
  const args = [main, "serve", "--database", database, "--address", "127.0.0.1:0"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk;
    const address = / serves .* on (127\.0\.0\.1:\d+)/.exec(output)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return { child, connection: connect(address) };
  }
  throw new Error(`the server did not start: ${output}`);
}

async function kill({ child, connection }: Server): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  connection.close();
}

test(`${CREATES} Creates with request_id and a server killed at random make ${CREATES} rows`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const database = join(tempDir(), "test.db");
  let server = startServer(database);
  const waiting = Array.from({ length: CREATES }, (_, n) => ({
    requestId: randomUUID(),
    displayName: `Artist ${n}`,
  }));
  const answers = new Map<string, Artist>();
  let attempts = 0;
  let kills = 0;

  async function work(): Promise<void> {
    for (let request = waiting.pop(); request; request = waiting.pop()) {
      const { requestId, displayName } = request;
      while (!answers.has(displayName)) {
        const { connection } = await server;
        attempts += 1;
        try {
          const create = { artist: { displayName }, requestId };
          answers.set(displayName, await connection.service(ArtistService).createArtist(create));
        } catch (error) {
          // A server that answers at all must not refuse; one that is dead has no details to send.
          if (!(error instanceof RpcError) || error.status) throw error;
        }
      }
    }
  }

  async function killAtRandom(): Promise<void> {
    while (answers.size < CREATES) {
      const current = await server;
      const until = answers.size + Math.floor(Math.random() * ANSWERS_MAX);
      while (answers.size < Math.min(until, CREATES)) await sleep(1);
      if (answers.size === CREATES) return;
      // Somewhere between the arrival of a request and its answer.
      await sleep(Math.random() * 10);
      server = kill(current).then(() => startServer(database));
      kills += 1;
    }
  }

  await Promise.all([killAtRandom(), ...Array.from({ length: WORKERS }, work)]);

  const artists = (await server).connection.service(ArtistService);
  const rows: Artist[] = [];
  let pageToken = "";
  do {
    const page = await artists.listArtists({ pageSize: 1000, pageToken });
    rows.push(...page.artists);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(rows).toHaveLength(CREATES);
  const byName = (a: Artist, b: Artist) => (a.displayName < b.displayName ? -1 : 1);
  // Each row is what its Create was answered, whichever attempt it was.
  expect(rows.toSorted(byName)).toEqual([...answers.values()].toSorted(byName));
  console.info(`${CREATES} Creates took ${attempts} attempts and ${kills} kills`);
  expect(kills).toBeGreaterThan(2);
  expect(attempts).toBeGreaterThan(CREATES);
  await kill(await server);
});
