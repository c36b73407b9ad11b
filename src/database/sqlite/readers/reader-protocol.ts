// What the main thread and a reader thread say to each other: one job at a time, one answer to each.
// Only values that can be sent; a plan is named by its table.

import type { Snapshot } from "../../database.ts";
import type { BatchBytes, BatchRequest, PageBytes, PageRequest } from "../../page-request.ts";
import type { Statement } from "../../sql/statements.ts";
import type { StatementCells } from "../../statement-figures.ts";
import type { StoreFiles } from "../connection/file-guard.ts";
import type { PlainError } from "../threads/thread-errors.ts";
import type { PortableRuns } from "../threads/told-statements.ts";

/** What a reader thread is started with. */
export interface ReaderSetup {
  readonly path: string;
  /** The files that it must be. */
  readonly files: StoreFiles;
  /** The URL of the module that exports RESOURCES. */
  readonly definitions: string;
  readonly busyTimeoutMs: number;
  /** How long it tries again while the database is locked. */
  readonly lockTimeoutMs: number;
  /** Of how many statements it tells with an answer; of none if absent. */
  readonly toldStatementsMax?: number | undefined;
}

/** What one thread is started with: not 0 in `over` once nobody waits for its answer any more. */
export interface ReaderData extends ReaderSetup {
  readonly over: Int32Array<SharedArrayBuffer>;
  /** Where it counts its statements; nowhere if absent. */
  readonly cells?: StatementCells | undefined;
}

/** A request whose plan is named. */
type Named<T extends { readonly plan: unknown }> = Omit<T, "plan"> & { readonly table: string };

/** What a reader is to do. */
export type ReaderJob =
  | { readonly kind: "read"; readonly statements: readonly Statement[] }
  | { readonly kind: "page"; readonly request: Named<PageRequest> }
  | { readonly kind: "batch"; readonly request: Named<BatchRequest> };

/** What a reader has read. */
export type ReaderResult = Snapshot | PageBytes | BatchBytes;

/** How a reader answers a job. */
export type ReaderAnswer = { readonly statements?: PortableRuns | undefined } & (
  | { readonly result: ReaderResult }
  | { readonly error: PlainError }
);

/** The request under the name of its plan. */
export function nameRequest<T extends PageRequest | BatchRequest>({
  plan,
  ...request
}: T): Named<T> {
  return { ...request, table: plan.table } as Named<T>;
}
