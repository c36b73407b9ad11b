// What the maintenance of a database is, whoever asks for it.
// Types only.

/** What is asked for beside what costs next to nothing. */
export interface MaintenanceOrder {
  /** Write the whole file anew, which needs room and keeps others from writing. */
  readonly vacuum: boolean;
  /** Leave nothing of what was deleted, which is a VACUUM and more. */
  readonly purge?: boolean;
  /** With that, forget all answers to request ids, and not only expired ones. */
  readonly forgetRequests?: boolean;
}

/** What is done, one after the other; what there is nothing to do for is left out. */
export type MaintenanceStage =
  | "measuring"
  | "forgetting"
  | "optimizing"
  | "analyzing"
  | "merging"
  | "rebuilding"
  | "freeing"
  | "vacuuming"
  | "checkpointing";

/** How large the database is, and how well it is packed. */
export interface MaintenanceFigures {
  readonly pageSizeBytes: bigint;
  readonly pageCount: bigint;
  readonly freePageCount: bigint;
  readonly fileBytes: bigint;
  readonly logBytes: bigint;
  /** Absent if it could not be counted in time. */
  readonly use?: PageUse | undefined;
}

/** What the pages are used for. */
export interface PageUse {
  readonly tableBytes: bigint;
  readonly indexBytes: bigint;
  /** Bytes of both that hold nothing. */
  readonly unusedBytes: bigint;
  /** Pages that do not follow the page before them in order. */
  readonly scatteredPageCount: bigint;
  readonly indexCount: bigint;
  /** Those that the planner of queries has statistics of. */
  readonly analyzedIndexCount: bigint;
}

/** How far it is. */
export type MaintenanceProgress =
  | { readonly stage: MaintenanceStage; readonly done: number; readonly total: number }
  | {
      readonly stage: "finished";
      readonly before: MaintenanceFigures;
      readonly after: MaintenanceFigures;
    };
