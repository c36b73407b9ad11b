// Every setting and every limit of the service, each with its unit and default, in one frozen value.
// Reads nothing itself: flags and environment are parsed by the command line (cli/).

/** What `protostore serve` runs with. */
export interface Config {
  /** The database file. */
  readonly database: string;
  /** Where to listen, `host:port` or `unix:PATH`. */
  readonly address: string;
  /** How connections are encrypted; they are not if absent. */
  readonly tls?: TlsConfig;
  /** Whether to listen without TLS where other machines can connect; false if absent. */
  readonly insecure?: boolean;
  /** Who may call; everybody may do everything if absent. */
  readonly access?: AccessConfig;
  /** The file that a line is written to for each write; none is if absent. */
  readonly auditLog?: string;
  readonly readOnly: boolean;
  readonly durability: Durability;
  /** How many processes serve on the one port. */
  readonly processes: number;
  /** What they share for secrets that a read-only database does not hold. */
  readonly secretSeed?: string;
  /** Whether a List, a search, an Export or a sum fails for a row that it would have to leave out. */
  readonly strictReads?: boolean;
  /** Who can ask what is served; everybody if absent. */
  readonly reflection?: Reflection;
  /** The folder of the migrations; the package's own if absent. */
  readonly migrations?: string;
  /** The folder of the rows that a new database gets; none if absent. */
  readonly fixtures?: string;
  readonly limits: Limits;
}

/** Who can ask what is served: everybody, who proves who it is, or nobody. */
export type Reflection = "on" | "authenticated" | "off";

/** What a caller may do: read, write too, or all. */
export type Role = "reader" | "writer" | "admin";

/** By what callers prove who they are: by any that is there. */
export interface AccessConfig {
  /** The file of tokens that `protostore token` makes. */
  readonly tokens?: string;
  readonly jwt?: JwtConfig;
  /** The role of each client certificate, by its common name. */
  readonly clientRoles?: Readonly<Record<string, Role>>;
}

/** Whose JSON web tokens are taken. */
export interface JwtConfig {
  /** The issuer's keys, a JSON web key set: a file, or an address that begins with `https:`. */
  readonly jwks: string;
  readonly issuer: string;
  readonly audience: string;
  /** The path of the claim that has the role, or a list with it, for example `realm_access.roles`. */
  readonly roleClaim: string;
}

/** The files, in PEM, that TLS is done with; they are read again when they change. */
export interface TlsConfig {
  /** The server's certificate, and those between it and the one that clients trust. */
  readonly certificate: string;
  readonly key: string;
  /** Whose certificates clients must have; they need none if absent. */
  readonly clientCa?: string;
}

/**
 * When a write is acknowledged: `full`, after its commit is synced to the disk; `relaxed`, before, so
 * that a loss of power may take the newest commits, though never a part of one.
 */
export type Durability = "full" | "relaxed";

/** Every limit of the service. */
export interface Limits {
  /** How long SQLite itself blocks for a lock; the server tries again without blocking. */
  readonly busyTimeoutMs: number;
  /** The most threads that scans, searches and batches are read in. */
  readonly readerThreads: number;
  /** The most calls that wait for a reader; one more is answered with OVERLOADED. */
  readonly readQueueMax: number;
  /** How long a scan may take, with its wait for a reader, if its call has no deadline. */
  readonly readTimeoutMs: number;
  /** How long a reader may go on with a call that is over before it is ended and replaced. */
  readonly readGraceMs: number;
  /** How long a call waits for the write lock if it has no deadline of its own. */
  readonly writeTimeoutMs: number;
  /** How long a migration waits for others to finish theirs. */
  readonly migrationLockTimeoutMs: number;
  /** How long a stop waits for calls in flight before it cuts them off. */
  readonly shutdownTimeoutMs: number;
  /** How long a stop then waits for reads whose statements go on. */
  readonly closeTimeoutMs: number;
  /** How often health and schema are looked at. */
  readonly probeIntervalMs: number;
  /** How long calls rely on the last look at the database file; writes look for themselves. */
  readonly glanceIntervalMs: number;
  /** How many rows the scrubber checks in a second; 0 turns it off. */
  readonly scrubRowsPerSecond: number;
  /** How long it rests before each pass over all rows. */
  readonly scrubPauseMs: number;
  /** How many rows that other programs wrote are given their bytes in a second; 0 turns it off. */
  readonly fillRowsPerSecond: number;
  /** How long the filler rests, at least, before it looks through all rows again. */
  readonly fillPauseMs: number;
  /** The largest request, in bytes. */
  readonly receiveMessageBytes: number;
  /** The largest response, in bytes. */
  readonly sendMessageBytes: number;
  /** The bytes of rows after which a page of a List ends. */
  readonly pageBytes: number;
  /** The bytes of rows after which a response of an Export ends: what a slow reader holds. */
  readonly exportPageBytes: number;
  /** The most rows of a page by key that the main thread reads itself. */
  readonly shortPageRows: number;
  /** The bytes of a message above which it does not. */
  readonly shortPageRowBytes: number;
  /** The most rows that a filter may scan, estimated; 0 is unlimited. */
  readonly scanRowsMax: number;
  readonly pageSizeDefault: number;
  readonly pageSizeMax: number;
  /** The most names in one request, for example books put on a shelf. */
  readonly batchSizeMax: number;
  /** The most commits that wait for the writer; more are refused. */
  readonly commitQueueMax: number;
  /** The most bytes of messages that wait for the writer. */
  readonly commitQueueBytes: number;
  /** The most operations that share a transaction; a larger commit has one alone. */
  readonly groupOperationsMax: number;
  /** How long the answer to a request_id is remembered. */
  readonly requestRetentionMs: number;
  /** The rows of one commit while rows are derived anew for other descriptors. */
  readonly derivationRows: number;
  /** The most connections; one more is closed at once. */
  readonly connectionsMax: number;
  /** The most of them that one host has; those through a socket of the machine are one host's. */
  readonly connectionsPerPeerMax: number;
  /** How long a connection may take to its first frame, with its TLS handshake. */
  readonly connectionSetupTimeoutMs: number;
  /** The most calls that a connection has at a time; clients wait with more. */
  readonly concurrentStreams: number;
  /** The most calls at a time, until their answers are read; one more is answered with OVERLOADED. */
  readonly callsMax: number;
  /** The most of them from one host. */
  readonly callsPerPeerMax: number;
  /** How many calls a caller may make in a second, on average; 0 is unlimited. */
  readonly callsPerSecond: number;
  /** How many it may make at once after a rest. */
  readonly callBurst: number;
  /** The most bytes of a call's headers. */
  readonly headerBytes: number;
  /** The most bytes of answers that clients have not read yet; one more is answered with OVERLOADED. */
  readonly unreadAnswerBytes: number;
  /** How long a client may take to read a message, beside what its bytes take; its call is ended then. */
  readonly unreadTimeoutMs: number;
  /** How many bytes of a message it must read in a second. */
  readonly readBytesPerSecond: number;
  /** After how long who was refused for want of room should come again. */
  readonly retryDelayMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly connectionIdleMs: number;
  readonly connectionAgeMs: number;
  readonly connectionAgeGraceMs: number;
  /** The write-ahead log is cut to this size, in bytes, when it is reset. */
  readonly walSizeBytes: number;
}

export const DEFAULT_ADDRESS = "127.0.0.1:50051";

/** The limits in force unless a flag or the environment says otherwise. */
export const DEFAULT_LIMITS: Limits = Object.freeze({
  busyTimeoutMs: 20,
  readerThreads: 2,
  readQueueMax: 256,
  readTimeoutMs: 30_000,
  readGraceMs: 1_000,
  writeTimeoutMs: 10_000,
  migrationLockTimeoutMs: 15_000,
  shutdownTimeoutMs: 3_000,
  closeTimeoutMs: 500,
  probeIntervalMs: 1_000,
  glanceIntervalMs: 5,
  scrubRowsPerSecond: 100,
  scrubPauseMs: 60_000,
  fillRowsPerSecond: 1_000,
  fillPauseMs: 10_000,
  receiveMessageBytes: 4 * 1024 * 1024,
  sendMessageBytes: 4 * 1024 * 1024,
  pageBytes: 3 * 1024 * 1024,
  exportPageBytes: 64 * 1024,
  shortPageRows: 128,
  shortPageRowBytes: 2 * 1024,
  scanRowsMax: 0,
  pageSizeDefault: 50,
  pageSizeMax: 1_000,
  batchSizeMax: 1_000,
  commitQueueMax: 1_000,
  commitQueueBytes: 64 * 1024 * 1024,
  groupOperationsMax: 1_000,
  requestRetentionMs: 24 * 60 * 60 * 1_000,
  derivationRows: 200,
  connectionsMax: 512,
  connectionsPerPeerMax: 256,
  connectionSetupTimeoutMs: 10_000,
  concurrentStreams: 100,
  callsMax: 2_000,
  callsPerPeerMax: 1_000,
  callsPerSecond: 0,
  callBurst: 100,
  headerBytes: 16 * 1024,
  unreadAnswerBytes: 256 * 1024 * 1024,
  unreadTimeoutMs: 30_000,
  readBytesPerSecond: 64 * 1024,
  retryDelayMs: 200,
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  connectionIdleMs: 300_000,
  connectionAgeMs: 3_600_000,
  connectionAgeGraceMs: 30_000,
  walSizeBytes: 64 * 1024 * 1024,
});

/** What a program may say of how it serves; the database file is all that it must. */
export interface ServeSettings extends Partial<Omit<Config, "database" | "limits" | "processes">> {
  readonly database: string;
  readonly limits?: Partial<Limits>;
}

/** The configuration in which everything that `settings` leaves open has its default. */
export function completeConfig({
  limits,
  ...settings
}: ServeSettings & Partial<Pick<Config, "processes">>): Config {
  return Object.freeze({
    address: DEFAULT_ADDRESS,
    readOnly: false,
    durability: "full",
    processes: 1,
    ...settings,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
}

/** What is kept free in a response beside its items: a page token, the total size, tags. */
const RESPONSE_REST_BYTES = 512;

/** The most bytes of items in one response, with their tags. */
export function itemBytesMax({ sendMessageBytes }: Limits): number {
  return sendMessageBytes - RESPONSE_REST_BYTES;
}
