// What the tests of backups share: an order for one, a look into one, and a writer that remembers what
// was acknowledged to it.

import { join } from "node:path";
import type { Client } from "@grpc/grpc-js";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import {
  type BackupDatabaseResponse,
  DatabaseService,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { expectedBy } from "../../src/cli/backup.ts";
import { RpcError } from "../../src/client/client.ts";
import type { Database } from "../../src/database/database.ts";
import { runBackup } from "../../src/database/sqlite/backup/backup-worker.ts";
import { type BackupProgress, makeBackup } from "../../src/database/sqlite/backup/make-backup.ts";
import type { BackupManifest } from "../../src/database/sqlite/backup/manifest.ts";
import { type Prove, proveDatabase } from "../../src/database/sqlite/backup/prove.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { createOf, deleteOf, updateOf } from "../database/writer.ts";
import { callStream, collect } from "../grpc/support.ts";

export const EXPECTED = expectedBy(CHINOOK);

const PROVE: Prove = (path, onRows) => proveDatabase(path, EXPECTED, onRows);

const NOBODY = new AbortController().signal;

/** A backup made in this thread. */
export function backUp(
  database: string,
  folder: string,
  name: string,
  key?: Uint8Array,
): Promise<BackupManifest> {
  return makeBackup({ database, folder, name, key, bytesPerSecond: 0 }, PROVE, () => {});
}

/** One made as a server does, in a thread of its own. */
export function backUpBeside(
  database: string,
  folder: string,
  name: string,
  bytesPerSecond: number,
  onProgress: (progress: BackupProgress) => void = () => {},
  key?: Uint8Array,
): Promise<BackupManifest> {
  const { definitions, migrations } = CHINOOK;
  const order = { database, folder, name, key, bytesPerSecond };
  return runBackup({ order, definitions, migrations }, onProgress, NOBODY);
}

/** Asks a server for one; what it answers last. */
export async function askForBackup(client: Client, name: string) {
  const stream = callStream(client, DatabaseService.method.backupDatabase, { name });
  const { messages, error } = await collect<BackupDatabaseResponse>(stream);
  if (error) throw new RpcError(error);
  return messages.at(-1)?.backup;
}

export const dataOf = (folder: string, name: string) => join(folder, `${name}.db`);

/** Each artist's name by its key, and the revision, as a file has them. */
export function artistsIn(path: string) {
  const connection = openConnection(path, { readOnly: true, busyTimeoutMs: 0, immutable: true });
  try {
    const rows = connection.prepare("SELECT ArtistId, Name FROM artists ORDER BY 1").raw().all();
    const revision = connection.prepare("SELECT revision FROM store_state").pluck().get();
    return { artists: new Map(rows as [bigint, string][]), revision: revision as bigint };
  } finally {
    connection.close();
  }
}

/** Changes a value of artists/7 as a flipped bit would: nothing tells of it. */
export function damageRow(sql: Connection): void {
  const triggers = sql
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'artists'")
    .all() as { name: string; sql: string }[];
  for (const { name } of triggers) sql.exec(`DROP TRIGGER "${name}"`);
  sql.exec("UPDATE artists SET Name = 'not what is in its bytes' WHERE ArtistId = 7");
  for (const trigger of triggers) sql.exec(trigger.sql);
}

/** One after the other creates, changes and deletes artists, each in a commit of its own. */
export function startArtistWriter(database: Database) {
  const acknowledged: { revision: bigint; key: bigint; name: string | undefined }[] = [];
  const known = new Set<bigint>();
  let isOver = false;
  let next = 1n;

  async function write(): Promise<void> {
    while (!isOver) {
      const turn = next++;
      // Of ten keys, five are then changed, and two taken away again.
      const key = turn % 17n < 10n ? turn : turn - 9n;
      const isThere = known.has(key);
      const name = `artist ${turn} ${"x".repeat(Number(turn % 97n))}`;
      const isGone = turn % 17n >= 15n;
      if (!isThere && isGone) continue;
      const operation = isGone
        ? { ...deleteOf(ArtistSchema, key), allowMissing: true }
        : isThere
          ? updateOf(ArtistSchema, { name: `artists/${key}`, displayName: name }, [])
          : createOf(ArtistSchema, { displayName: name }, key);
      const { revision } = await database.commit([operation]);
      known.add(key);
      acknowledged.push({ revision, key, name: isGone ? undefined : name });
    }
  }

  const written = write();
  return {
    acknowledged,
    async stop() {
      isOver = true;
      await written;
    },
    /** What a file must have that has all commits up to the revision, and no other. */
    prefix(revision: bigint) {
      const artists = new Map<bigint, string>();
      for (const each of acknowledged) {
        if (each.revision > revision) continue;
        if (each.name === undefined) artists.delete(each.key);
        else artists.set(each.key, each.name);
      }
      return new Map([...artists].sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}
