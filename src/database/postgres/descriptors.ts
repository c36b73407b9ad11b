// The check of the descriptors that a database on a server keeps, and the types of other servers by which
// their JSON is read: those are known from the last look, since rows are read without another question.
// What is compared, and what follows from it, is in ../sql/descriptors.

import type { FileRegistry, Registry } from "@bufbuild/protobuf";
import { sqlName } from "../../schema/sql-name.ts";
import type { Row } from "../../schema/sql-value.ts";
import { useStoredTypes } from "../../schema/stored-types.ts";
import { checkDescriptors, type DescriptorOptions } from "../sql/descriptors/descriptors.ts";
import {
  type DescriptorSource,
  readSchemaState,
  readStoredSets,
  type SchemaState,
  SELECT_HASHES,
  selectImage,
} from "../sql/descriptors/schema-store.ts";
import type { Statement } from "../sql/statements.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import type { PostgresDatabase } from "./postgres-database.ts";
import type { Session } from "./session.ts";

/** @throws StoreError SCHEMA_INCOMPATIBLE, as the result does. */
export function createDescriptorCheck(
  { session, commit }: Pick<PostgresDatabase, "session" | "commit">,
  options: Omit<DescriptorOptions, "source">,
): () => Promise<void> {
  return checkDescriptors({ ...options, source: { ...readerOf(session), commit } });
}

/** What reads them. */
type Reader = Omit<DescriptorSource, "commit">;

function readerOf(session: () => Promise<Session>): Reader {
  return {
    dialect: POSTGRES,
    ask: async (statement: Statement): Promise<readonly Row[]> => (await session()).all(statement),
    selectColumns: (table) => ({
      sql:
        "SELECT lower(attname) FROM pg_attribute " +
        "WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
      parameters: [sqlName(table)],
    }),
    placeIn: (data, text) => `strpos(CAST(${data} AS TEXT), ${text})`,
  };
}

/** What is known of descriptors; undefined as long as the migration that keeps it is pending. */
export function readState(session: () => Promise<Session>): Promise<SchemaState | undefined> {
  return readSchemaState(readerOf(session));
}

/** The newest descriptors; undefined before the first server has served. */
export async function readNewestImage(session: Session): Promise<Uint8Array | undefined> {
  const reader = readerOf(async () => session);
  const current = (await readSchemaState(reader))?.current ?? undefined;
  if (current === undefined) return undefined;
  const [[image] = []] = await reader.ask(selectImage(current));
  return image as Uint8Array | undefined;
}

/** Lets JSON be read that only another server's descriptors explain; the result looks for new ones. */
export function watchStoredTypes(
  registry: Registry,
  session: () => Promise<Session>,
): () => Promise<void> {
  const reader = readerOf(session);
  let known: readonly FileRegistry[] = [];
  let hashes = "";
  useStoredTypes(registry, () => known);
  return async () => {
    const found = (await reader.ask(SELECT_HASHES)).join();
    if (found === hashes) return;
    known = [...(await readStoredSets(reader)).values()];
    hashes = found;
  };
}
