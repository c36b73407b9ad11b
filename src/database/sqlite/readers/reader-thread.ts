// The reader thread: reads what it is told to on a connection of its own, and sends back the result.
// Must not know calls: their deadlines, their queue and the thread's end are the pool's.

import { flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { StoreError } from "../../../errors.ts";
import { tellAll } from "../../../observe/tell-all.ts";
import { countStatements } from "../../statement-figures.ts";
import { retryWhileBusy } from "../connection/busy-retry.ts";
import type { Connection } from "../connection/connection.ts";
import { openGuarded } from "../connection/file-guard.ts";
import { useSchemaStore } from "../descriptors/schema-store.ts";
import { toPlainError } from "../threads/thread-errors.ts";
import { loadPlans, planOf } from "../threads/thread-plans.ts";
import { createStatementTeller } from "../threads/told-statements.ts";
import { createReader, type Reader } from "./reader.ts";
import type { ReaderAnswer, ReaderData, ReaderJob, ReaderResult } from "./reader-protocol.ts";

const { path, files, definitions, busyTimeoutMs, lockTimeoutMs, toldStatementsMax, over, cells } =
  workerData as ReaderData;
const { plans, registry } = await loadPlans(definitions);
// A process that is killed would not keep what was compiled for the next start.
flushCompileCache();
const teller = toldStatementsMax ? createStatementTeller(toldStatementsMax) : undefined;
const onStatement = tellAll([cells && countStatements(cells), teller?.onStatement]);
let reader: Reader | undefined;

parentPort?.on("message", async (job: ReaderJob) => {
  try {
    const result = await retryWhileBusy(() => run(job), lockTimeoutMs);
    const transfer = "bytes" in result ? [result.bytes.buffer] : [];
    send({ result, statements: teller?.take() }, transfer);
  } catch (error) {
    send({ error: toPlainError(error), statements: teller?.take() });
  }
});

function run(job: ReaderJob): ReaderResult {
  check();
  // A file that cannot be opened now may be there for the next job.
  reader ??= createReader(open(), registry, check, onStatement);
  switch (job.kind) {
    case "read":
      return reader.read(job.statements);
    case "page":
      return reader.page({ ...job.request, plan: planOf(plans, job.request.table) });
    case "batch":
      return reader.batch({ ...job.request, plan: planOf(plans, job.request.table) });
  }
}

/** The call has its answer from the pool; what is thrown only ends the read. */
function check(): void {
  if (Atomics.load(over, 0) !== 0) throw new StoreError("CANCELLED", "the call is over");
}

function open(): Connection {
  const options = { readOnly: true, requireLog: false, busyTimeoutMs, known: files };
  const { connection } = openGuarded(path, options);
  useSchemaStore(registry, connection);
  return connection;
}

function send(answer: ReaderAnswer, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(answer, transfer);
}
