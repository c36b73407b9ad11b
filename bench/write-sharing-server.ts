// One server process of bench/write-sharing.ts: callers in a closed loop, and the way that their
// commits take to SQLite. Also the group commit itself, run by whichever thread holds the connection.

import { connect as connectSocket, type Socket } from "node:net";
import { deserialize, serialize } from "node:v8";
import {
  isMainThread,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from "node:worker_threads";
import Database from "better-sqlite3";

/** How a process waits for SQLite's write lock. */
export interface LockWait {
  readonly path: string;
  /** Between two attempts, in milliseconds; undefined leaves the waiting to SQLite, for 20 ms. */
  readonly pollMs?: number;
  /** What each group waits more than the disk of this machine demands, to be as on a slower one. */
  readonly syncMs: number;
}

/** What a server process is told. */
export interface ServerTask extends LockWait {
  /** "lock": it writes itself. "ipc" and "socket": it sends its commits to the writer process. */
  readonly way: "lock" | "ipc" | "socket";
  readonly socketPath: string;
  readonly callers: number;
  /** What a call costs beside its commit, in microseconds of the main thread. */
  readonly workUs: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What a server process has measured. */
export interface Measured {
  readonly latenciesMs: readonly number[];
  readonly cpuMs: number;
  /** Of all commits that were acknowledged, also before and after the measured time. */
  readonly revisions: readonly number[];
}

/** A commit on its way: who waits for it, and the row. */
export type Sent = readonly [caller: number, wire: Uint8Array];
/** A commit on its way back. */
export type Answered = readonly [caller: number, revision: number];

const SQLITE_WAIT_MS = 20;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Commits groups on a connection of its own; `more` gives what has arrived while it waited. */
export function createGroupCommit({ path, pollMs, syncMs }: LockWait) {
  const db = new Database(path, { timeout: pollMs === undefined ? SQLITE_WAIT_MS : 0 });
  db.pragma("synchronous = FULL");
  const begin = db.prepare("BEGIN IMMEDIATE");
  const savepoint = db.prepare("SAVEPOINT one");
  const revise = db
    .prepare("UPDATE store_state SET revision = revision + 1 RETURNING revision")
    .pluck();
  const insert = db.prepare(
    "INSERT INTO customers (name, email, phone, status, rep, data, wire, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const release = db.prepare("RELEASE one");
  const commit = db.prepare("COMMIT");

  function beginWhenFree(): void {
    for (;;) {
      try {
        begin.run();
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
        if (pollMs !== undefined) Atomics.wait(never, 0, 0, pollMs * (0.5 + Math.random()));
      }
    }
  }

  return (first: readonly Sent[], more: () => readonly Sent[]): Answered[] => {
    beginWhenFree();
    const answers = [...first, ...more()].map(([caller, wire]): Answered => {
      savepoint.run();
      const revision = revise.get() as number;
      const text = Buffer.from(wire.subarray(0, 12)).toString("hex");
      const data = JSON.stringify({ tags: [text], loyalty: { points: String(revision) } });
      const email = `${text}@example.com`;
      insert.run(text, email, text, revision % 3, revision % 8, data, wire, revision);
      release.run();
      return [caller, revision];
    });
    if (syncMs > 0) Atomics.wait(never, 0, 0, syncMs);
    commit.run();
    return answers;
  };
}

/** Both directions of a stream of values, each behind its length. */
export function frameSocket(socket: Socket, onValue: (value: unknown) => void) {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
      const end = 4 + rest.readUInt32LE();
      onValue(deserialize(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
  });
  return (value: unknown): void => {
    const body = serialize(value);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    socket.write(Buffer.concat([head, body]));
  };
}

function runWriterThread(port: MessagePort): void {
  const commit = createGroupCommit(workerData as LockWait);
  const more = () => {
    const arrived: Sent[] = [];
    let found = receiveMessageOnPort(port);
    for (; found; found = receiveMessageOnPort(port)) arrived.push(...(found.message as Sent[]));
    return arrived;
  };
  port.on("message", (first: readonly Sent[]) => port.postMessage(commit(first, more)));
}

/** Opens the way that the task names; `onAnswers` gets what comes back. */
async function openWay(task: ServerTask, onAnswers: (answers: readonly Answered[]) => void) {
  if (task.way === "lock") {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.on("message", onAnswers);
    return (batch: readonly Sent[]) => worker.postMessage(batch);
  }
  if (task.way === "ipc") {
    process.on("message", onAnswers);
    return (batch: readonly Sent[]) => void process.send?.(batch);
  }
  const socket = connectSocket(task.socketPath);
  await new Promise((resolve) => socket.once("connect", resolve));
  return frameSocket(socket, (value) => onAnswers(value as readonly Answered[]));
}

async function runServer(task: ServerTask): Promise<Measured> {
  const startedMs = new Float64Array(task.callers);
  const latenciesMs: number[] = [];
  const revisions: number[] = [];
  let outbox: Sent[] = [];
  let isMeasuring = false;
  let inFlight = 0;
  let isStopping = false;
  let whenIdle = () => {};

  const send = await openWay(task, (answers) => {
    const now = performance.now();
    for (const [caller, revision] of answers) {
      if (isMeasuring) latenciesMs.push(now - (startedMs[caller] ?? now));
      revisions.push(revision);
      inFlight -= 1;
      if (!isStopping) call(caller);
    }
    if (inFlight === 0) whenIdle();
  });

  function call(caller: number): void {
    const began = performance.now();
    startedMs[caller] = began;
    inFlight += 1;
    const wire = crypto.getRandomValues(new Uint8Array(240));
    while (performance.now() - began < task.workUs / 1_000);
    outbox.push([caller, wire]);
    // What is called in the same turn goes in one batch.
    if (outbox.length === 1) setImmediate(flush);
  }

  function flush(): void {
    const batch = outbox;
    outbox = [];
    send(batch);
  }

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let caller = 0; caller < task.callers; caller++) call(caller);
  await pause(task.warmUpMs);
  const before = process.cpuUsage();
  isMeasuring = true;
  await pause(task.measureMs);
  isMeasuring = false;
  const { user, system } = process.cpuUsage(before);
  isStopping = true;
  await new Promise<void>((resolve) => {
    whenIdle = resolve;
  });
  return { latenciesMs, cpuMs: (user + system) / 1_000, revisions };
}

if (!isMainThread && parentPort) {
  runWriterThread(parentPort);
} else if (process.argv[1] === import.meta.filename) {
  const measured = await runServer(JSON.parse(process.argv[2] ?? "") as ServerTask);
  process.send?.(measured, undefined, undefined, () => process.exit());
}
