// What is measured and against what: the servers' variants, the workloads of each, the ratios with
// their targets. Only data; how it is run is in run.ts.

/** Pinned: the server on one core and the client on another; unpinned: both on all. */
export type Mode = "pinned" | "unpinned";

/** A server as it is started for a measurement. */
export interface Variant {
  readonly id: VariantId;
  readonly label: string;
  readonly program: "ours" | "peer";
  readonly storage: "sqlite" | "postgres";
  readonly flags: readonly string[];
  /** Only where it has more than one core. */
  readonly unpinnedOnly?: true;
}

export type VariantId =
  | "ours"
  | "ours-relaxed"
  | "ours-2"
  | "wire"
  | "wire-2"
  | "peer-full"
  | "peer-normal"
  | "peer-pool"
  | "ours-postgres"
  | "peer-postgres";

export const VARIANTS: readonly Variant[] = [
  { id: "ours", label: "protostore", program: "ours", storage: "sqlite", flags: [] },
  {
    id: "ours-relaxed",
    label: "protostore, relaxed",
    program: "ours",
    storage: "sqlite",
    flags: ["--durability", "relaxed"],
  },
  {
    id: "ours-2",
    label: "protostore, 2 processes",
    program: "ours",
    storage: "sqlite",
    flags: ["--processes", "2"],
    unpinnedOnly: true,
  },
  {
    id: "wire",
    label: "protostore, wire",
    program: "ours",
    storage: "sqlite",
    flags: ["--transport", "wire"],
  },
  {
    id: "wire-2",
    label: "protostore, wire, 2 processes",
    program: "ours",
    storage: "sqlite",
    flags: ["--transport", "wire", "--processes", "2"],
    unpinnedOnly: true,
  },
  {
    id: "peer-full",
    label: "Go, FULL",
    program: "peer",
    storage: "sqlite",
    flags: ["-synchronous", "FULL"],
  },
  {
    id: "peer-normal",
    label: "Go, NORMAL",
    program: "peer",
    storage: "sqlite",
    flags: ["-synchronous", "NORMAL"],
  },
  {
    id: "peer-pool",
    label: "Go, NORMAL, 4 readers",
    program: "peer",
    storage: "sqlite",
    flags: ["-synchronous", "NORMAL", "-read-pool", "4"],
  },
  {
    id: "ours-postgres",
    label: "protostore, PostgreSQL",
    program: "ours",
    storage: "postgres",
    flags: [],
  },
  { id: "peer-postgres", label: "Go, pgx", program: "peer", storage: "postgres", flags: [] },
];

export type WorkloadId =
  | "echo"
  | "get"
  | "get1"
  | "create"
  | "list100"
  | "list1000"
  | "batch"
  | "mixed"
  | "filled-get"
  | "filled-list100"
  | "filled-list1000";

/** A command of the load client, and the variants that it is measured on. */
export interface Workload {
  readonly id: WorkloadId;
  readonly label: string;
  readonly command: readonly string[];
  readonly variants: readonly VariantId[];
  /** Its rows are such as another program wrote, and the server has given their bytes since. */
  readonly filled?: true;
}

export const WORKLOADS: readonly Workload[] = [
  {
    id: "echo",
    label: "empty call",
    command: ["echo"],
    variants: ["ours", "wire", "peer-normal", "ours-2"],
  },
  {
    id: "get",
    label: "Get",
    command: ["get"],
    variants: [
      "ours",
      "wire",
      "wire-2",
      "peer-normal",
      "ours-2",
      "peer-pool",
      "ours-postgres",
      "peer-postgres",
    ],
  },
  {
    id: "get1",
    label: "Get, 1 caller",
    command: ["get", "-connections", "1", "-streams", "1"],
    variants: ["ours", "ours-postgres", "peer-postgres"],
  },
  {
    id: "create",
    label: "Create",
    command: ["create"],
    variants: [
      "ours",
      "wire",
      "peer-full",
      "ours-relaxed",
      "peer-normal",
      "ours-postgres",
      "peer-postgres",
    ],
  },
  {
    id: "list100",
    label: "List, 100 rows",
    command: ["list", "-page-size", "100"],
    variants: [
      "ours",
      "wire",
      "peer-normal",
      "ours-2",
      "peer-pool",
      "ours-postgres",
      "peer-postgres",
    ],
  },
  {
    id: "list1000",
    label: "List, 1000 rows",
    command: ["list", "-page-size", "1000"],
    variants: ["ours", "peer-normal", "ours-2", "peer-pool", "ours-postgres", "peer-postgres"],
  },
  {
    id: "batch",
    label: "BatchCreate, 1000 rows",
    command: ["batch"],
    variants: ["ours", "peer-full", "peer-normal", "ours-postgres", "peer-postgres"],
  },
  {
    id: "mixed",
    label: "Get beside writes and Lists",
    command: ["mixed"],
    variants: [
      "ours",
      "peer-full",
      "ours-2",
      "peer-normal",
      "peer-pool",
      "ours-postgres",
      "peer-postgres",
    ],
  },
  {
    id: "filled-get",
    label: "Get, filled rows",
    command: ["get"],
    variants: ["ours"],
    filled: true,
  },
  {
    id: "filled-list100",
    label: "List, 100 filled rows",
    command: ["list", "-page-size", "100"],
    variants: ["ours"],
    filled: true,
  },
  {
    id: "filled-list1000",
    label: "List, 1000 filled rows",
    command: ["list", "-page-size", "1000"],
    variants: ["ours"],
    filled: true,
  },
];

/** What is divided: calls a second ours by theirs, or latency theirs by ours, so that more is better. */
export type Figure = "callsPerSecond" | "p99Ms";

/** A ratio between two measurements of the same round. */
export interface Comparison {
  readonly label: string;
  readonly figure: Figure;
  readonly ours: readonly [WorkloadId, VariantId];
  readonly theirs: readonly [WorkloadId, VariantId];
  /** What the ratio should at least be; a mode that is not here is only shown. */
  readonly targets: Readonly<Partial<Record<Mode, number>>>;
}

export const COMPARISONS: readonly Comparison[] = [
  compare("Create / Go FULL", "create", "ours", "peer-full", { pinned: 3, unpinned: 3 }),
  compare("Create / Go NORMAL", "create", "ours", "peer-normal", { pinned: 1, unpinned: 1 }),
  compare("Create relaxed / Go NORMAL", "create", "ours-relaxed", "peer-normal", {}),
  compare("List 100 / Go", "list100", "ours", "peer-normal", { pinned: 4, unpinned: 5 }),
  compare("List 1000 / Go", "list1000", "ours", "peer-normal", { pinned: 4, unpinned: 5 }),
  compare("List 1000 / Go, 4 readers", "list1000", "ours", "peer-pool", {}),
  compare("BatchCreate / Go FULL", "batch", "ours", "peer-full", { pinned: 2, unpinned: 2 }),
  compare("BatchCreate / Go NORMAL", "batch", "ours", "peer-normal", {}),
  {
    ...compare("Get / its own empty call", "get", "ours", "ours", { pinned: 0.9 }),
    theirs: ["echo", "ours"],
  },
  compare("Get / Go", "get", "ours", "peer-normal", {}),
  compare("Get, 2 processes / Go", "get", "ours-2", "peer-normal", { unpinned: 1 }),
  compare("Get, 2 processes / Go, 4 readers", "get", "ours-2", "peer-pool", {}),
  compare("empty call, wire / grpc-js", "echo", "wire", "ours", { pinned: 4 }),
  compare("Get, wire / Go", "get", "wire", "peer-normal", { pinned: 1.5 }),
  compare("Get, wire, 2 processes / Go", "get", "wire-2", "peer-normal", { unpinned: 1.5 }),
  compare("Create, wire / Go FULL", "create", "wire", "peer-full", { pinned: 2.5 }),
  compare("Create, wire / Go NORMAL", "create", "wire", "peer-normal", { pinned: 1.3 }),
  compare("List 100, wire / Go", "list100", "wire", "peer-normal", { pinned: 8 }),
  compareP99("Go FULL's p99 of Get, mixed / ours", "ours", "peer-full", { pinned: 3, unpinned: 3 }),
  compareP99("Go NORMAL's p99, mixed / ours", "ours", "peer-normal", { pinned: 3, unpinned: 3 }),
  compareP99("Go's p99, mixed, 4 readers / ours", "ours", "peer-pool", {}),
  ...onPostgres("Create", "create", 1.5),
  ...onPostgres("Get", "get", 1),
  ...onPostgres("Get, 1 caller", "get1"),
  ...onPostgres("List 100", "list100", 3),
  ...onPostgres("List 1000", "list1000"),
  ...onPostgres("BatchCreate", "batch"),
  compareP99("pgx's p99 of Get, mixed / ours", "ours-postgres", "peer-postgres", {}),
  compareFilled("Get, filled rows / written ones", "filled-get", "get"),
  compareFilled("List 100, filled rows / written ones", "filled-list100", "list100"),
  compareFilled("List 1000, filled rows / written ones", "filled-list1000", "list1000"),
];

/** The most memory that a process of ours may take under any workload, in megabytes. */
export const PEAK_MEMORY_MB_MAX = 250;
/** The most that a server's memory may grow while it exports to a slow reader, in megabytes. */
export const EXPORT_GROWTH_MB_MAX = 64;

function compare(
  label: string,
  workload: WorkloadId,
  ours: VariantId,
  theirs: VariantId,
  targets: Comparison["targets"],
): Comparison {
  return {
    label,
    figure: "callsPerSecond",
    ours: [workload, ours],
    theirs: [workload, theirs],
    targets,
  };
}

/** Ours on PostgreSQL beside Go on it, and beside ours on SQLite. */
function onPostgres(label: string, workload: WorkloadId, target?: number): Comparison[] {
  const targets = target === undefined ? {} : { pinned: target, unpinned: target };
  return [
    compare(`${label}, PostgreSQL / Go, pgx`, workload, "ours-postgres", "peer-postgres", targets),
    compare(`${label}, PostgreSQL / SQLite`, workload, "ours-postgres", "ours", {}),
  ];
}

/** A read of filled rows may take 1.2 times the time of one of written rows. */
function compareFilled(label: string, filled: WorkloadId, written: WorkloadId): Comparison {
  const targets = { pinned: 0.83 };
  return { ...compare(label, filled, "ours", "ours", targets), theirs: [written, "ours"] };
}

function compareP99(
  label: string,
  ours: VariantId,
  theirs: VariantId,
  targets: Comparison["targets"],
): Comparison {
  return { ...compare(label, "mixed", ours, theirs, targets), figure: "p99Ms" };
}
