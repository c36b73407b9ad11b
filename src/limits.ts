// Every limit of the service: its name, which ends in its unit if it has one, its default, and what it is.
// Reads nothing: who serves may set them by their names.

interface LimitFacts {
  readonly byDefault: number;
  readonly description: string;
}

function limit(byDefault: number, description: string): LimitFacts {
  return { byDefault, description };
}

/** What is known of each limit. Times are in milliseconds, sizes in bytes. */
export const LIMITS = {
  busyTimeoutMs: limit(
    20,
    "How long SQLite itself blocks for a lock; the server tries again without blocking.",
  ),
  readerThreads: limit(
    2,
    "The most threads, or connections to PostgreSQL, that scans, searches and batches are read in.",
  ),
  readQueueMax: limit(
    256,
    "The most calls that wait for a reader; one more is answered with OVERLOADED.",
  ),
  readTimeoutMs: limit(
    30_000,
    "How long a scan may take, with its wait for a reader, if its call has no deadline.",
  ),
  readGraceMs: limit(
    1_000,
    "How long a reader may go on with a call that is over before it is ended and replaced.",
  ),
  writeTimeoutMs: limit(
    10_000,
    "How long a call waits for the write lock if it has no deadline of its own.",
  ),
  replicaStalenessMs: limit(
    5_000,
    "How old what a replica answers may be; an older one is not read from.",
  ),
  migrationLockTimeoutMs: limit(15_000, "How long a migration waits for others to finish theirs."),
  connectTimeoutMs: limit(10_000, "How long a PostgreSQL server may take to let a connection in."),
  shutdownTimeoutMs: limit(
    3_000,
    "How long a stop waits for calls in flight before it cuts them off.",
  ),
  closeTimeoutMs: limit(500, "How long a stop then waits for reads whose statements go on."),
  probeIntervalMs: limit(1_000, "How often health and schema are looked at."),
  glanceIntervalMs: limit(
    5,
    "How long calls rely on the last look at the database file; writes look for themselves.",
  ),
  scrubRowsPerSecond: limit(100, "How many rows the scrubber checks in a second; 0 turns it off."),
  scrubPauseMs: limit(60_000, "How long it rests before each pass over all rows."),
  fillRowsPerSecond: limit(
    1_000,
    "How many rows that other programs wrote are given their bytes in a second; 0 turns it off.",
  ),
  fillPauseMs: limit(
    10_000,
    "How long the filler rests, at least, before it looks through all rows again.",
  ),
  receiveMessageBytes: limit(4 * 1024 * 1024, "The largest request, in bytes."),
  sendMessageBytes: limit(4 * 1024 * 1024, "The largest response, in bytes."),
  pageBytes: limit(3 * 1024 * 1024, "The bytes of rows after which a page of a List ends."),
  exportPageBytes: limit(
    64 * 1024,
    "The bytes of rows after which a response of an Export ends: what a slow reader holds.",
  ),
  shortPageRows: limit(128, "The most rows of a page by key that the main thread reads itself."),
  shortPageRowBytes: limit(2 * 1024, "The bytes of a message above which it does not."),
  scanRowsMax: limit(0, "The most rows that a filter may scan, estimated; 0 is unlimited."),
  pageSizeDefault: limit(50, "The rows of a page if the request does not say how many."),
  pageSizeMax: limit(1_000, "The most rows of a page."),
  batchSizeMax: limit(1_000, "The most names in one request, for example books put on a shelf."),
  commitQueueMax: limit(1_000, "The most commits that wait for the writer; more are refused."),
  commitQueueBytes: limit(64 * 1024 * 1024, "The most bytes of messages that wait for the writer."),
  groupOperationsMax: limit(
    1_000,
    "The most operations that share a transaction; a larger commit has one alone.",
  ),
  requestRetentionMs: limit(
    24 * 60 * 60 * 1_000,
    "How long the answer to a request_id is remembered.",
  ),
  derivationRows: limit(
    200,
    "The rows of one commit while rows are derived anew for other descriptors.",
  ),
  connectionsMax: limit(512, "The most connections; one more is closed at once."),
  connectionsPerPeerMax: limit(
    256,
    "The most of them that one host has; those through a socket of the machine are one host's.",
  ),
  connectionSetupTimeoutMs: limit(
    10_000,
    "How long a connection may take to its first frame, with its TLS handshake.",
  ),
  concurrentStreams: limit(
    100,
    "The most calls that a connection has at a time; clients wait with more.",
  ),
  callsMax: limit(
    2_000,
    "The most calls at a time, until their answers are read; one more is answered with OVERLOADED.",
  ),
  callsPerPeerMax: limit(1_000, "The most of them from one host."),
  compressedCallsMax: limit(
    32,
    "The most calls at a time whose requests are compressed: each may become as large as any.",
  ),
  callsPerSecond: limit(
    0,
    "How many calls a caller may make in a second, on average; 0 is unlimited.",
  ),
  callBurst: limit(100, "How many it may make at once after a rest."),
  headerBytes: limit(16 * 1024, "The most bytes of a call's headers."),
  unreadAnswerBytes: limit(
    256 * 1024 * 1024,
    "The most bytes of answers that clients have not read yet; one more is answered with OVERLOADED.",
  ),
  connectionUnreadBytes: limit(
    64 * 1024 * 1024,
    "The most of them that one connection has, where it comes by our own transport.",
  ),
  unreadRequestBytes: limit(
    256 * 1024 * 1024,
    "The most bytes of requests that have come in part, by our own transport; the call of one more is answered with OVERLOADED.",
  ),
  requestTimeoutMs: limit(
    30_000,
    "How long a client may take to send a request that is one message; its call is ended then.",
  ),
  unreadTimeoutMs: limit(
    30_000,
    "How long a client may take to read a message, beside what its bytes take; its call is ended then.",
  ),
  readBytesPerSecond: limit(64 * 1024, "How many bytes of a message it must read in a second."),
  retryDelayMs: limit(200, "After how long who was refused for want of room should come again."),
  resetsPerSecond: limit(
    33,
    "How many streams of a connection may be reset in a second, beyond thirty times as many at once, by our own transport; it is closed then.",
  ),
  idleFramesPerSecond: limit(
    500,
    "How many frames that do no work it may send in a second, beyond four times as many at once, by our own transport; it is closed then.",
  ),
  keepaliveTimeMs: limit(
    20_000,
    "How long a connection is silent before it is asked whether it is still there.",
  ),
  keepaliveTimeoutMs: limit(10_000, "How long it may take to answer that."),
  connectionIdleMs: limit(300_000, "How long a connection may have no call before it is closed."),
  connectionAgeMs: limit(
    3_600_000,
    "How old a connection may become, give or take a tenth, before its client is asked for another.",
  ),
  connectionAgeGraceMs: limit(30_000, "How long its calls may then go on."),
  checkpointIntervalMs: limit(
    300_000,
    "How often a log that nobody has copied for want of writes is copied into the database; 0 never does.",
  ),
  diskFreeBytes: limit(
    256 * 1024 * 1024,
    "The room on the disk below which the status has a condition that says so.",
  ),
  slowCallMs: limit(
    1_000,
    "How long a call may take that is no stream before it is logged as slow, if calls are logged.",
  ),
  callLinesPerSecond: limit(
    100,
    "How many calls are logged in a second, beyond which they are counted only, if calls are logged.",
  ),
  walSizeBytes: limit(
    64 * 1024 * 1024,
    "The write-ahead log is cut to this size, in bytes, when it is reset.",
  ),
  backupBytesPerSecond: limit(
    64 * 1024 * 1024,
    "How many bytes a backup copies in a second; 0 is as many as it can.",
  ),
  backupAgeMs: limit(
    26 * 60 * 60 * 1_000,
    "How old the newest backup may be before the status says so, if there is a folder for backups; 0 is any age.",
  ),
} as const satisfies Record<string, LimitFacts>;

/** The name of a limit. */
export type LimitName = keyof typeof LIMITS;

/** The value of every limit; what each is, says LIMITS. */
export type Limits = { readonly [Name in LimitName]: number };

/** Those that can be changed while a server runs: they are looked up whenever they are needed. */
export const RELOADABLE_LIMITS: ReadonlySet<LimitName> = new Set<LimitName>([
  "scanRowsMax",
  "connectionsMax",
  "connectionsPerPeerMax",
  "callsMax",
  "callsPerPeerMax",
  "callsPerSecond",
  "callBurst",
  "headerBytes",
  "unreadAnswerBytes",
  "requestTimeoutMs",
  "unreadTimeoutMs",
  "readBytesPerSecond",
  "checkpointIntervalMs",
  "diskFreeBytes",
  "slowCallMs",
  "callLinesPerSecond",
  "backupBytesPerSecond",
  "backupAgeMs",
]);

/** Changes the limits that a server runs with to those of `next`, as far as they can be. */
export function changeLimits(limits: Limits, next: Limits): void {
  for (const name of RELOADABLE_LIMITS) (limits as Record<LimitName, number>)[name] = next[name];
}

/** The limits in force unless whoever serves says otherwise. */
export const DEFAULT_LIMITS: Limits = Object.freeze(
  Object.fromEntries(Object.entries(LIMITS).map(([name, { byDefault }]) => [name, byDefault])),
) as Limits;

/** True for the name of a limit. */
export function isLimitName(text: string): text is LimitName {
  return Object.hasOwn(LIMITS, text);
}

/** As much as a List response has beside the one message of its page. */
const LIST_RESPONSE_BYTES = 1_024;

/** The largest message that is stored, so that it can be answered with; in bytes. */
export function messageBytesMax({ sendMessageBytes }: Pick<Limits, "sendMessageBytes">): number {
  return sendMessageBytes - LIST_RESPONSE_BYTES;
}
