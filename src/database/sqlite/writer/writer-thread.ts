// The writer thread: owns the one connection that writes. It may wait, for locks and for the disk.
// Must answer every commit that it is given.

import { flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Durability } from "../../../config.ts";
import { StoreError } from "../../../errors.ts";
import { messageBytesMax } from "../../../limits.ts";
import { tellAll } from "../../../observe/tell-all.ts";
import type { Report } from "../../sql/write/group.ts";
import { countLockWaits, countStatements } from "../../statement-figures.ts";
import { closeOnceMore } from "../connection/close-again.ts";
import { type Connection, readPragma, translateSqliteError } from "../connection/connection.ts";
import { openGuarded } from "../connection/file-guard.ts";
import { useSchemaStore } from "../descriptors/schema-store.ts";
import { toPlainError } from "../threads/thread-errors.ts";
import { loadPlans, type ThreadPlans } from "../threads/thread-plans.ts";
import type { WriterCode } from "../threads/thread-start.ts";
import { createStatementTeller } from "../threads/told-statements.ts";
import { packOutcomes, unpackCommits } from "./commit-transport.ts";
import { type FileKeeper, keepFiles } from "./file-keeper.ts";
import { createCommitter } from "./group-commit.ts";
import { writeOverDeleted } from "./secure-delete.ts";
import { guardIfFree } from "./table-guards.ts";
import { runUpkeep } from "./upkeep.ts";
import { keepWal } from "./wal.ts";
import type { WriterAnswers, WriterData, WriterReply, WriterRequest } from "./writer-messages.ts";

/** The values that SQLite gives back. */
const SYNCHRONOUS: Readonly<Record<Durability, { name: string; value: bigint }>> = {
  full: { name: "FULL", value: 2n },
  relaxed: { name: "NORMAL", value: 1n },
};

if (!parentPort) throw new TypeError("the writer runs in a thread of its own");
const port = parentPort;
const tell = (reply: WriterReply, transfer: ArrayBuffer[] = []) =>
  port.postMessage(reply, transfer);

try {
  const known = await loadPlans((workerData as WriterCode).definitions);
  port.once("message", (data: WriterData) => open(data, known));
} catch (error) {
  fail(error);
}

function open(data: WriterData, known: ThreadPlans): void {
  try {
    write(data, known);
    tell({ kind: "opened" });
    // A process that is killed would not keep what was compiled for the next start.
    flushCompileCache();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  tell({ kind: "failed", error: toPlainError(error) });
  port.close();
}

function write(
  { path, files, durability, secureDelete, limits, cells, toldStatementsMax }: WriterData,
  known: ThreadPlans,
): void {
  const { plans, registry, clock } = known;
  const { busyTimeoutMs } = limits;
  const { connection, guard } = openGuarded(path, { busyTimeoutMs, known: files });
  setUp(connection, durability);
  if (secureDelete) writeOverDeleted(connection);
  useSchemaStore(registry, connection);
  const wal = keepWal(connection, limits.walSizeBytes);
  guardIfFree(connection, plans);
  const keeper = keepFiles(connection, guard, wal);
  const teller = toldStatementsMax ? createStatementTeller(toldStatementsMax) : undefined;
  const commitGroup = createCommitter(connection, {
    plans,
    registry,
    clock,
    messageBytesMax: messageBytesMax(limits),
    answerBytesMax: messageBytesMax(limits),
    requestRetentionMs: limits.requestRetentionMs,
    onStatement: tellAll([cells && countStatements(cells), teller?.onStatement]),
    concern: teller?.concern,
    onLockWait: cells && countLockWaits(cells),
  });
  const report: Report = (outcomes, changes) => {
    const packed = packOutcomes(outcomes, changes, teller?.take());
    tell({ kind: "outcomes", outcomes: packed }, [packed.bytes.buffer]);
  };
  port.on("message", (request: WriterRequest) => {
    if (request === "close") {
      const isSafe = !guard.check();
      guard.close();
      // Closing the last connection checkpoints the log and removes it.
      connection.close();
      if (isSafe) closeOnceMore(path, guard.files);
      port.close();
      return;
    }
    if (request === "mend") return keeper.mend();
    if (request.kind === "checkpoint") return checkpoint(keeper, request);
    if (request.kind === "upkeep") return upkeep(connection, keeper, request);
    keeper.commit(commitGroup, unpackCommits(request.group, plans), report);
    tell({ kind: "group-done" });
    // After the answers: nobody waits for it.
    const atMs = keeper.afterCommit();
    if (atMs !== undefined) tell({ kind: "checkpointed", atMs });
  });
}

function checkpoint(
  keeper: FileKeeper,
  { id, mode }: Extract<WriterRequest, { kind: "checkpoint" }>,
): void {
  answer(id, () => {
    const result = keeper.checkpoint(mode);
    if (result.checkpointedFrames === result.frames)
      tell({ kind: "checkpointed", atMs: Date.now() });
    return result;
  });
}

function upkeep(
  connection: Connection,
  keeper: FileKeeper,
  { id, step }: Extract<WriterRequest, { kind: "upkeep" }>,
): void {
  answer(id, () => {
    const hasMore = keeper.change(() => runUpkeep(connection, step));
    const atMs = keeper.afterCommit();
    if (atMs !== undefined) tell({ kind: "checkpointed", atMs });
    return hasMore;
  });
}

function answer(id: number, action: () => WriterAnswers[keyof WriterAnswers]): void {
  try {
    tell({ kind: "answered", id, answer: action() });
  } catch (error) {
    tell({ kind: "refused", id, error: toPlainError(translateSqliteError(error)) });
  }
}

function setUp(connection: Connection, durability: Durability): void {
  const { name, value } = SYNCHRONOUS[durability];
  connection.pragma(`synchronous = ${name}`);
  if (readPragma(connection, "synchronous") !== value) {
    throw new StoreError("DATABASE_UNAVAILABLE", `synchronous=${name} cannot be set`);
  }
  // A statement of many rows keeps, until its end, the pages that it changes: a fifth of its time was
  // to write them to a file. They are no more than the operations of a group can touch.
  connection.pragma("temp_store = MEMORY");
  // From here on the thread waits for locks itself, in shorter steps than SQLite would.
  connection.pragma("busy_timeout = 0");
}
