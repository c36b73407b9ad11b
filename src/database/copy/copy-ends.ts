// What a copy needs of the two databases that it is between. Each driver has its own.
// Types only.

import type { Registry } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Row } from "../../schema/sql-value.ts";
import type { MigrationFile } from "../migrations/files.ts";
import type { RowSource } from "../sql/verify/verify-rows.ts";

/** What both databases are of. */
export interface CopySetup {
  readonly plans: readonly ResourcePlan[];
  /** The types that an Any may hold to be kept as JSON. */
  readonly registry: Registry;
  /** The migrations of this driver. */
  readonly files: readonly MigrationFile[];
}

/** A table whose rows are copied as they are, in the order of their keys. */
export interface CopiedTable {
  readonly name: string;
  /** The columns that tell its rows apart. */
  readonly keys: readonly string[];
  /** All that are copied, the keys among them. */
  readonly columns: readonly string[];
  /** The resource that its rows are; absent if they are none. */
  readonly plan?: ResourcePlan;
}

/** A table as it is in one of the databases. */
export interface TableShape {
  /** Without those that are generated. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
}

/** One of the two databases. */
export interface CopyEnd {
  /** Its path or address, as it may be shown. */
  readonly place: string;
  readonly registry: Registry;
  /** The rows of a source are those of one snapshot, however often it is read. */
  readonly rows: RowSource;
  /** The table of this name, undefined if there is none. */
  describe(table: string): Promise<TableShape | undefined>;
  /** The names of all tables but those that the driver keeps for itself. */
  tables(): Promise<readonly string[]>;
}

/** What an unfinished copy is of. */
export interface CopyState {
  /** Tells the source and what is in it. */
  readonly fingerprint: string;
  /** That of the source. */
  readonly revision: bigint;
}

/** A row that the database cannot keep as it is. */
export interface RefusedRow {
  readonly row: Row;
  readonly reason: string;
}

/** The database that is copied into. */
export interface CopyTarget extends CopyEnd {
  /** True if it has no row whose reference has none. */
  readonly needsReferences: boolean;
  /** The copy that was begun and not finished; undefined if there is none. */
  unfinished(): Promise<CopyState | undefined>;
  /** Makes the tables in an empty database. @throws StoreError if it has others. */
  makeTables(): Promise<void>;
  /**
   * Marks it as an unfinished copy, which no server serves; one that was interrupted is taken over. The
   * rows of `tables` come in any order from now on, and those of `cleared` are deleted.
   */
  begin(state: CopyState, tables: readonly string[], cleared: readonly string[]): Promise<void>;
  /** Inserts the rows that it can keep, in one transaction; the others are returned. */
  insert(table: CopiedTable, rows: readonly Row[]): Promise<readonly RefusedRow[]>;
  /** When all rows are there: their references and indexes, and the revision. */
  complete(state: CopyState): Promise<void>;
  /** When all is proved: it can be served. */
  finish(state: CopyState): Promise<void>;
}
