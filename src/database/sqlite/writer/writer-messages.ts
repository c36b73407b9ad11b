// What the main thread and the writer thread say to each other.
// Types only.

import type { Durability } from "../../../config.ts";
import type { Limits } from "../../../limits.ts";
import type { Checkpoint, CheckpointMode } from "../../checkpoint.ts";
import type { StatementCells } from "../../statement-figures.ts";
import type { StoreFiles } from "../connection/file-guard.ts";
import type { PlainError } from "../threads/thread-errors.ts";
import type { WriterCode } from "../threads/thread-start.ts";
import type { PortableCommits, PortableOutcomes } from "./commit-transport.ts";
import type { UpkeepStep } from "./upkeep.ts";

/** What the writer thread opens, when it has loaded: its first message. */
export interface WriterData extends WriterCode {
  readonly path: string;
  /** The files that it must be. */
  readonly files: StoreFiles;
  readonly durability: Durability;
  /** Whether what is deleted is written over at once. */
  readonly secureDelete?: boolean | undefined;
  readonly limits: Limits;
  /** Where it counts its statements; nowhere if absent. */
  readonly cells?: StatementCells | undefined;
  /** Of how many statements it tells with the outcomes of a group; of none if absent. */
  readonly toldStatementsMax?: number | undefined;
}

/** What is asked for by itself, and what it is answered with. */
export interface WriterAnswers {
  readonly checkpoint: Checkpoint;
  /** Whether there may be more of the kind to do. */
  readonly upkeep: boolean;
}

/** What the writer thread is asked to do after that, in this order. */
export type WriterRequest =
  | { readonly kind: "commit"; readonly group: PortableCommits }
  /** Answered by `answered` or `refused`, as is the next one. */
  | { readonly kind: "checkpoint"; readonly id: number; readonly mode: CheckpointMode }
  | { readonly kind: "upkeep"; readonly id: number; readonly step: UpkeepStep }
  /** The files are not as they should be: save what can be. */
  | "mend"
  | "close";

/** What the writer thread tells. */
export type WriterReply =
  | { readonly kind: "opened" }
  | { readonly kind: "failed"; readonly error: PlainError }
  | { readonly kind: "outcomes"; readonly outcomes: PortableOutcomes }
  /** Every commit of the group has its outcome. */
  | { readonly kind: "group-done" }
  | { readonly kind: "checkpointed"; readonly atMs: number }
  | {
      readonly kind: "answered";
      readonly id: number;
      readonly answer: WriterAnswers[keyof WriterAnswers];
    }
  | { readonly kind: "refused"; readonly id: number; readonly error: PlainError };
