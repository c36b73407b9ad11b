// What a checkpoint of a write-ahead log is, whoever asks for it.
// Types only.

/** How far it goes, as SQLite names it; here none waits for anybody. */
export type CheckpointMode = "PASSIVE" | "FULL" | "RESTART" | "TRUNCATE";

/** What it did. */
export interface Checkpoint {
  /** True if a reader or a writer kept it from going as far as it was asked to. */
  readonly blocked: boolean;
  /** Frames (pages) in the log. */
  readonly frames: number;
  /** Those of them that are copied into the database file. */
  readonly checkpointedFrames: number;
}
