// The contract between repositories and databases: it speaks of messages, conditions and operations, and
// SQL is made below it, but for statements that a resource's own code writes by hand.
// Asynchronous throughout, so that a database may be in another thread or on another machine.

import type { DatabaseStatus } from "../../gen/protostore/v1/database_service_pb.ts";
import type { StoreError } from "../errors.ts";
import type { StatementLog } from "../observe/statement-run.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { Row, SqlValue } from "../schema/sql-value.ts";
import type { Explanation } from "./explanation.ts";
import type { CheckedRows, RowCheck, VerifyProgress } from "./finding.ts";
import type { ListRequest, ListSelection, Page } from "./list-request.ts";
import type {
  BatchBytes,
  BatchRequest,
  PageBytes,
  PageRequest,
  StoredMessage,
} from "./page-request.ts";
import type { Statement } from "./sql/statements.ts";

/** How long a call may take and who may end it. */
export interface CallLimits {
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineMs?: number;
  /** The revision that what is read must have at least; what is read elsewhere than it is written may be behind. */
  readonly minRevision?: bigint | undefined;
  /** Where the statements are noted that are run for it, before it is answered. */
  readonly statements?: StatementLog | undefined;
}

/** What a look at the database found. */
export interface ProbeResult {
  readonly serving: boolean;
  /** Why it is not serving: what calls are refused with. */
  readonly error?: StoreError;
}

/** How many calls have no answer yet. */
export interface QueueLengths {
  readonly queuedCommits: number;
  readonly queuedReads: number;
}

/** The rows of each statement, all of one snapshot. */
export interface Snapshot {
  readonly rows: readonly (readonly Row[])[];
  /** The newest commit that the snapshot has. */
  readonly revision: bigint;
}

/**
 * One step of a commit. Messages are bytes as the client encoded them: they are decoded, checked and
 * stored in one place, where the commit is carried out.
 */
export type Operation =
  | CreateOperation
  | UpdateOperation
  | DeleteOperation
  | CheckOperation
  | FillOperation
  | MendOperation
  | ExecuteOperation;

/** What operations on resources have in common. */
interface ResourceOperation {
  readonly plan: ResourcePlan;
  /** Which item of a batch it is, for example `requests[3]`. */
  readonly item?: string;
}

export interface CreateOperation extends ResourceOperation {
  readonly kind: "create";
  readonly message: Uint8Array;
  /** The key of the new row; the database chooses one if it is absent. */
  readonly key?: bigint;
  /** Whether its child rows keep the keys that are in the message; they are given new ones if not. */
  readonly keepChildKeys?: boolean;
  /** Where the message is in the request, for example `book`. */
  readonly path: string;
}

export interface UpdateOperation extends ResourceOperation {
  readonly kind: "update";
  /** A message whose name says which row is changed and whose etag, if any, it must have. */
  readonly message: Uint8Array;
  /** The paths of the update mask; empty if the request has none. */
  readonly mask: readonly string[];
  /** Creates the row from the message if there is none. */
  readonly allowMissing: boolean;
  /** Where the message is in the request, for example `book`. */
  readonly path: string;
}

export interface DeleteOperation extends ResourceOperation {
  readonly kind: "delete";
  readonly key: bigint;
  /** The etag that the row must have; none if empty. */
  readonly etag: string;
  /** It is no error if there is no such row. */
  readonly allowMissing: boolean;
  /** Also deletes what needs the row, and clears references to it. */
  readonly force: boolean;
}

/** Changes nothing, and fails with RESOURCE_NOT_FOUND if there is no such row. */
export interface CheckOperation extends ResourceOperation {
  readonly kind: "check";
  readonly key: bigint;
}

/**
 * Gives a row that has no bytes to be trusted those that it is read as: then its message in the commit
 * is an empty one. Leaves alone what cannot be read or sent. Changes nothing that clients see, so that a
 * commit of nothing else takes no revision; fails with WRITE_REFUSED if it would set off a trigger that
 * is not ours.
 */
export interface FillOperation extends ResourceOperation {
  readonly kind: "fill";
  readonly key: bigint;
}

/**
 * Takes the bytes of a row away that are not those that were stored: its message is then made of its
 * columns and JSON. Leaves a row alone whose bytes are not damaged, or whose columns cannot be read.
 */
export interface MendOperation extends ResourceOperation {
  readonly kind: "mend";
  readonly key: bigint;
}

/**
 * A statement written by hand; `check` judges the rows it changed. They must not be rows of resources,
 * whose changes are recorded.
 */
export interface ExecuteOperation {
  readonly kind: "execute";
  readonly statement: Statement;
  readonly check?: ExecuteCheck;
  readonly item?: string;
  /** It changes nothing that clients see: a commit of nothing else takes no revision. */
  readonly unseen?: true;
}

/** How a commit is carried out. */
export interface CommitOptions extends CallLimits {
  /** Does everything, and then takes it back. */
  readonly validateOnly?: boolean;
  /** Makes the commit safe to repeat. */
  readonly request?: RequestIdentity;
  /**
   * Whether the stored messages are wanted, as they are if it is absent: a commit whose messages
   * together are too large to be sent then fails with ANSWER_TOO_LARGE.
   */
  readonly answered?: boolean;
}

/** A request that a client may send again. */
export interface RequestIdentity {
  /** Chosen by the client. */
  readonly id: string;
  /** Of the method and everything in the request: the same id must mean the same request. */
  readonly digest: Uint8Array;
}

/** What is wrong if a statement changes no row, or if a constraint refuses it. */
export interface ExecuteCheck {
  /** How many rows it must change; any number if absent. */
  readonly rows?: number;
  readonly noRow?: StoreError;
  readonly exists?: StoreError;
  readonly foreignKey?: StoreError;
}

/** What a commit has done. */
export interface Commit {
  readonly revision: bigint;
  /** For each operation the bytes of the message as it is stored now; none if it stores none. */
  readonly messages: readonly (Uint8Array | undefined)[];
}

/** A row that has no bytes to be trusted. */
export interface BareRow {
  readonly key: bigint;
  /** As it is stored; NULL in a row that was there before the service was. */
  readonly revision: SqlValue | undefined;
}

/** A stretch of the rows of a resource, by key, and those of them that are bare. */
export interface BareRows {
  /** How many rows the stretch has. */
  readonly looked: number;
  /** The key of the last of them; absent if there is none. */
  readonly last: bigint | undefined;
  /** `bytes` is about what the row's columns and JSON have. */
  readonly rows: readonly (BareRow & { readonly bytes: number })[];
  readonly revision: bigint;
}

/** A database that is open. Every method fails with StoreError only. */
export interface Database {
  /** Whose SQL statements that are written by hand are in. */
  readonly driver: "sqlite" | "postgres";
  /**
   * The message with this key, at once and without waiting for other reads. If there is a read mask,
   * what it does not select may be missing: a row is read that cannot be read as a whole.
   */
  get(
    plan: ResourcePlan,
    key: bigint,
    limits?: CallLimits,
    mask?: readonly string[],
  ): Promise<StoredMessage>;
  /**
   * A page of a List, in one snapshot.
   * @throws StoreError INVALID_FIELD, for `filter`, if it would look at more rows than are allowed.
   */
  list(request: ListRequest, limits?: CallLimits): Promise<Page>;
  /** The messages with these keys, assembled where they are read, in one read transaction. */
  batch(request: BatchRequest, limits?: CallLimits): Promise<BatchBytes>;
  /** A page of rows that statements written by hand select, assembled where they are read. */
  page(request: PageRequest, limits?: CallLimits): Promise<PageBytes>;
  /** Runs statements that are written by hand, in one read transaction. */
  read(statements: readonly Statement[], limits?: CallLimits): Promise<Snapshot>;
  /** The bare rows among the first `limit` rows after the key `after`. */
  bareRows(
    plan: ResourcePlan,
    after: bigint | undefined,
    limit: number,
    limits?: CallLimits,
  ): Promise<BareRows>;
  /** Runs the operations in one transaction, all or none; durable when it resolves. */
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
  /** A random key of 32 bytes that all servers of this database share. */
  secret(name: string): Promise<Uint8Array>;
  /** How a List would be run. */
  explain(list: ListSelection): Promise<Explanation>;
  /** The fields that are declared as indexed and that no index serves, a line each. */
  findUnindexed(plans: readonly ResourcePlan[]): AsyncIterable<string>;
  /** Proves that all rows say the same three ways; changes nothing. */
  verify(plans: readonly ResourcePlan[], limits?: CallLimits): AsyncIterable<VerifyProgress>;
  /** Checks some rows as `verify` does; damaged pages are a finding. */
  checkRows(check: RowCheck, limits?: CallLimits): Promise<CheckedRows>;
  /** What is known of the database but for its schema. It has no side effect. */
  status(): Promise<DatabaseStatus>;
  close(): Promise<void>;
}
