// Every setting of the service, in one frozen value; its limits are in limits.ts.
// Reads nothing itself: flags and environment are parsed by the command line (cli/).

import { DEFAULT_LIMITS, type Limits } from "./limits.ts";

/** What `protostore serve` runs with. */
export interface Config {
  /** The database file. */
  readonly database: string;
  /** The addresses of the PostgreSQL servers that are read from, standbys of the database; none if absent. */
  readonly databaseReplicas?: readonly string[];
  /** Where to listen, `host:port` or `unix:PATH`. */
  readonly address: string;
  /** What speaks HTTP/2: grpc-js if absent. */
  readonly transport?: TransportName;
  /** How connections are encrypted; they are not if absent. */
  readonly tls?: TlsConfig;
  /** Whether to listen without TLS where other machines can connect; false if absent. */
  readonly insecure?: boolean;
  /** Who may call; everybody may do everything if absent. */
  readonly access?: AccessConfig;
  /** The file that a line is written to for each write; none is if absent. */
  readonly auditLog?: string;
  /** Where figures and probes are answered over HTTP; nowhere if absent. */
  readonly metricsAddress?: string;
  /** How much the command logs, by the names of pino; a program gives its own log. */
  readonly logLevel?: string;
  /** Which calls get a line in the log; none if absent. */
  readonly callLog?: CallLogging;
  /** Where backups are kept; none can be asked for if absent. */
  readonly backups?: BackupConfig;
  /** When the file is put in order, as a cron expression in the machine's time; only when asked if absent. */
  readonly maintenance?: string;
  /** Whether what is deleted is written over in the file at once; false if absent. */
  readonly secureDelete?: boolean;
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

/** What speaks HTTP/2: the library grpc-js, or our own. */
export type TransportName = "grpc-js" | "wire";

/** Where a server keeps its backups, and when it makes them by itself. */
export interface BackupConfig {
  /** The folder, of this database alone; made if it is absent. */
  readonly folder: string;
  /** The file of the key that they are encrypted with; they are not if absent. */
  readonly keyFile?: string;
  /** How long after one it makes another; this or `schedule`, or only when it is asked. */
  readonly intervalMs?: number;
  /** A cron expression, in the machine's time. */
  readonly schedule?: string;
  /** Which of those that it makes by itself it keeps: all if absent. */
  readonly keep?: readonly BackupRetention[];
}

/** Keeps the newest backup of each period until it is so old. */
export interface BackupRetention {
  readonly ageMs: number;
  readonly per: KeptPer;
}

/** A period, in UTC; weeks begin on Mondays. */
export type KeptPer = "hour" | "day" | "week" | "month";

/** Who can ask what is served: everybody, who proves who it is, or nobody. */
export type Reflection = "on" | "authenticated" | "off";

/** Which calls get a line in the log. */
export interface CallLogging {
  /** `errors` are those that are the server's own, and slow calls; `all` are the others too. */
  readonly calls: "off" | "errors" | "all";
  /** Of how many of the calls that went well, from 0 to 1. */
  readonly sample: number;
}

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

export const DEFAULT_ADDRESS = "127.0.0.1:50051";

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
