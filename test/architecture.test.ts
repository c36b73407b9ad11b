// Holds the shape of the source: which layer imports which, which package is used where, and what a
// file looks like. A new folder or file directly under src/ gets its line in MAY_IMPORT.

import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { REPO_ROOT } from "./support/tools.ts";

const FLOOR = ["errors", "config", "limits", "clock", "flush"];
const SCHEMA = [...FLOOR, "gen"];
const DATABASE = [...SCHEMA, "schema", "query", "observe"];
const REPOSITORIES = [...DATABASE, "database"];
const HANDLERS = [...REPOSITORIES, "repositories", "access"];
const BESIDE_HANDLERS = [...HANDLERS, "handlers"];
const BOOT = [...BESIDE_HANDLERS, "health", "grpc"];
const COMMANDS = [...BOOT, "boot", "definition", "client", "package-root"];

/** What each layer may import beside itself: a layer is a folder, or a file directly, under src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ["cli", "chinook", "database", "runtime", "stop-signals"],
  runtime: ["package-root"],
  "stop-signals": [],
  cli: [...COMMANDS, "processes", "runtime", "stop-signals"],
  chinook: [...COMMANDS, "cli", "fixtures"],
  index: [...COMMANDS],
  boot: [
    ...BOOT,
    "metrics",
    "definition",
    "admission",
    "backups",
    "schedules",
    "store",
    "open-store",
  ],
  schedules: [...FLOOR, "backups", "health", "observe"],
  backups: [...BESIDE_HANDLERS, "definition", "health"],
  "open-store": [
    ...FLOOR,
    "database",
    "definition",
    "observe",
    "sqlite-store",
    "postgres-store",
    "store",
  ],
  "sqlite-store": [...BESIDE_HANDLERS, "definition", "store", "telemetry"],
  "postgres-store": [...BESIDE_HANDLERS, "definition", "store", "telemetry"],
  store: [...BESIDE_HANDLERS, "definition", "fixtures", "telemetry"],
  admission: BESIDE_HANDLERS,
  access: [...FLOOR, "gen", "observe"],
  fixtures: [...BESIDE_HANDLERS, "definition"],
  definition: BESIDE_HANDLERS,
  metrics: BOOT,
  telemetry: [...HANDLERS, "handlers", "grpc", "package-root"],
  processes: [...FLOOR, "metrics", "observe", "stop-signals"],
  grpc: [...FLOOR, "gen", "access", "handlers", "observe", "http2"],
  http2: [],
  client: [...FLOOR, "gen"],
  health: BESIDE_HANDLERS,
  handlers: HANDLERS,
  repositories: REPOSITORIES,
  database: [...DATABASE, "package-root"],
  query: [...SCHEMA, "schema"],
  schema: SCHEMA,
  observe: FLOOR,
  "package-root": [],
  clock: [],
  config: ["limits"],
  limits: [],
  flush: [],
  errors: [],
};

/** The only places where a package may be imported. */
const PACKAGE_PLACES: Readonly<Record<string, readonly string[]>> = {
  "better-sqlite3": ["src/database/sqlite/"],
  pg: ["src/database/postgres/"],
  "@grpc/grpc-js": ["src/grpc/", "src/client/"],
  commander: ["src/cli/", "src/chinook/"],
  "prom-client": ["src/metrics/"],
  "@opentelemetry/api": ["src/telemetry/"],
  croner: ["src/health/"],
  jose: ["src/access/"],
  yaml: ["src/cli/"],
};

const LINES_MAX = 350;

const IMPORT =
  /^\s*(?:import|export)\s[\w\s{},*$]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\b(?:import|require|new URL)\(\s*["'`]([^"'`]+)["'`]/gm;

const sources = globSync("src/**/*.ts", { cwd: REPO_ROOT })
  .sort()
  .map((path) => ({ path, text: readFileSync(join(REPO_ROOT, path), "utf8") }));

const imports = sources.flatMap(({ path, text }) =>
  [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    return { path, specifier, seen: `${path} imports "${specifier}"` };
  }),
);

function layerOf(path: string): string {
  const [top, second] = path.split("/");
  return top === "src" && second !== undefined ? basename(second, ".ts") : (top ?? "");
}

describe("imports", () => {
  test("are found", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
  });

  test("point down the layers", () => {
    const unplaced = sources
      .filter(({ path }) => MAY_IMPORT[layerOf(path)] === undefined)
      .map(({ path }) => `${path} is in no layer: give ${layerOf(path)} its line in MAY_IMPORT`);
    const upward = imports
      .filter(({ specifier }) => specifier.startsWith("."))
      .flatMap(({ path, specifier, seen }) => {
        const target = relative(REPO_ROOT, resolve(REPO_ROOT, path, "..", specifier));
        const [from, to] = [layerOf(path), layerOf(target)];
        // What is not a module, such as package.json or the folder of the migrations, has no layer.
        if (from === to || (!target.endsWith(".ts") && !target.startsWith("test"))) return [];
        return MAY_IMPORT[from]?.includes(to) === false
          ? [`${seen}: ${from} must not import ${to}`]
          : [];
      });
    expect([...unplaced, ...upward]).toEqual([]);
  });

  test("Chinook is known to its own folder only, and to main, which serves it", () => {
    const domain = /chinook|artist|playlist|invoice/i;
    const strays = sources
      .filter(({ path }) => !path.startsWith("src/chinook/") && path !== "src/main.ts")
      .flatMap(({ path, text }) =>
        text
          .split("\n")
          .flatMap((line, index) =>
            domain.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [],
          ),
      );
    expect(strays).toEqual([]);
  });

  test("go in no circle, those of types neither", () => {
    const targets = new Map(
      imports
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ path, specifier }) => ({ path, to: join(dirname(path), specifier) }))
        .reduce(
          (all, { path, to }) => all.set(path, [...(all.get(path) ?? []), to]),
          new Map<string, string[]>(),
        ),
    );
    const reaches = (from: string): ReadonlySet<string> => {
      const seen = new Set<string>();
      const rest = [...(targets.get(from) ?? [])];
      for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
        if (seen.has(next)) continue;
        seen.add(next);
        rest.push(...(targets.get(next) ?? []));
      }
      return seen;
    };
    const circles = [...targets.keys()].filter((path) => reaches(path).has(path));
    expect(circles).toEqual([]);
  });

  test("of a driver are in no other, nor in what they share", () => {
    const room = /^src\/database\/(\w+)\//;
    const strays = imports.filter(({ path, specifier }) => {
      const [from, to] = [path, join(dirname(path), specifier)].map((each) => room.exec(each)?.[1]);
      return from !== undefined && from !== to && (to === "sqlite" || to === "postgres");
    });
    expect(strays.map(({ seen }) => seen)).toEqual([]);
  });

  test("of packages stay where they belong, and are of what is installed with the service", () => {
    const { dependencies } = JSON.parse(readFileSync(join(REPO_ROOT, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const strays = imports
      .filter(({ specifier }) => !/^(?:\.|\/|node:|file:)/.test(specifier))
      .flatMap(({ path, specifier, seen }) => {
        const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
        if (dependencies[name] === undefined) return [`${seen}: it is not among the dependencies`];
        const places = PACKAGE_PLACES[name];
        if (places === undefined || places.some((place) => path.startsWith(place))) return [];
        return [`${seen}: ${name} belongs only in ${places.join(", ")}`];
      });
    expect(strays).toEqual([]);
  });
});

test("the drivers are known to the parts that open, migrate and inspect files, and to nobody else", () => {
  const openers = [
    "boot.ts",
    "backups.ts",
    "store.ts",
    "sqlite-store.ts",
    "postgres-store.ts",
    "definition.ts",
    "index.ts",
    "main.ts",
    "cli/",
    "chinook/adopt/",
  ];
  const users = imports
    .filter(({ path, specifier }) => {
      const target = relative(REPO_ROOT, resolve(REPO_ROOT, path, "..", specifier));
      const isDriver = /^src\/database\/(?:sqlite|postgres)\/(?!url\.ts)/.test(target);
      return isDriver && !path.startsWith("src/database/");
    })
    .filter(({ path }) => !openers.some((opener) => path.startsWith(`src/${opener}`)));
  expect(users.map(({ seen }) => seen)).toEqual([]);
});

test("the times that are stored come from the clock", () => {
  const strays = sources.filter(({ text }) => /\bnew Date\(\)/.test(text));
  expect(strays.map(({ path }) => path)).toEqual([]);
});

describe("SQL", () => {
  const WORDS =
    /\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|ORDER BY|COLLATE|CAST|json_each|json_extract|json_type)\b/g;

  /** The text without its comments, each of which has lines of its own. */
  function withoutComments(text: string): string {
    return text.replace(/^\s*\/\/.*$|^\s*\/\*[\s\S]*?\*\/$/gm, "");
  }

  const wordsOf = (folder: string) =>
    sources
      .filter(({ path }) => path.startsWith(folder))
      .flatMap(({ path, text }) =>
        [...withoutComments(text).matchAll(WORDS)].map(([word]) => `${path} has ${word}`),
      );

  test("is made below the contract of the database", () => {
    expect(wordsOf("src/database/sql/")).not.toEqual([]);
    expect(wordsOf("src/query/")).toEqual([]);
    expect(wordsOf("src/repositories/")).toEqual([]);
    expect(wordsOf("src/handlers/")).toEqual([]);
    expect(wordsOf("src/grpc/")).toEqual([]);
    expect(wordsOf("src/health/")).toEqual([]);
  });

  test("of data is run by the runner, which can be asked about it", () => {
    // These look at files and schemas, move them, or keep the log: no call waits for what they run.
    const others = ["backup", "connection", "descriptors", "inspect", "migrate", "writer"].map(
      (room) => `src/database/sqlite/${room}/`,
    );
    const strays = sources
      .filter(
        ({ path }) => ![...others, "src/chinook/adopt/"].some((room) => path.startsWith(room)),
      )
      .flatMap(({ path, text }) => (/\.prepare\b/.test(text) ? [path] : []));
    expect(strays).toEqual([]);
  });

  test("that only one database has is beside its driver", () => {
    const own =
      /\b(?:json_\w+|typeof\(|group_concat|printf|iif\(|octet_length|GLOB|PRAGMA|COLLATE)/g;
    const found = sources
      .filter(
        ({ path }) => path.startsWith("src/database/sql/") && !path.endsWith("/key-statements.ts"),
      )
      .flatMap(({ path, text }) => [
        ...[...withoutComments(text).matchAll(own)].map(([word]) => `${path} has ${word}`),
        ...imports
          .filter((each) => each.path === path && each.specifier.includes("/sqlite/"))
          .map(({ seen }) => seen),
      ]);
    expect(found).toEqual([]);
  });

  test("that reads the rows of a resource takes them from rowsOf", () => {
    const own = /\b(?:FROM|JOIN) \$\{(?:plan\.sql\.)?table\}/;
    const reading = /^src\/database\/(?:sql\/(?!write-statements)|sqlite\/readers\/)/;
    const found = sources
      .filter(({ path }) => reading.test(path))
      .flatMap(({ path, text }) => text.split("\n").map((line) => ({ path, line })))
      // A new key comes after all that are there, whatever reads leave out.
      .filter(({ line }) => own.test(line) && !line.includes("AS highest"));
    expect(found).toEqual([]);
  });

  test("that changes the row of a resource is run by recordChange", () => {
    const users = sources
      .filter(({ text }) => /\byield\* write\(/.test(text))
      .map(({ path }) => path);
    // Child rows are part of their resource's row; bytes that are filled in change nothing that is read.
    const others = ["children", "fill", "record-change"];
    expect(users).toEqual(others.map((name) => `src/database/sql/write/${name}.ts`));
  });

  test("is written by hand only where a domain has statements of its own", () => {
    const places = ["src/database/", "src/chinook/"];
    const users = imports.filter(
      ({ path, specifier }) =>
        relative(REPO_ROOT, resolve(REPO_ROOT, path, "..", specifier)).startsWith(
          "src/database/sql/",
        ) && !places.some((place) => path.startsWith(place)),
    );
    expect(users.map(({ seen }) => seen)).toEqual([]);
  });
});

describe("steps", () => {
  const STEPS = /\bfunction\* (\w+)|\bfunction (\w+)\([^{]*?\): Steps</g;
  const RUN = /(?:\byield\*|\breturn|\bfunction\*?|\brunSteps\([\w.]+,)\s+$/;
  const declared = (text: string) => [...text.matchAll(STEPS)].map(([, a, b]) => a ?? b ?? "");
  const files = sources.filter(({ path }) => path.startsWith("src/database/"));
  const all = new Set(
    files.filter(({ text }) => text.includes("Steps<")).flatMap(({ text }) => declared(text)),
  );

  test("are run wherever they are made: a call alone would do nothing, and no type tells", () => {
    const idle = files.flatMap(({ path, text }) => {
      const imported = [...text.matchAll(/^import \{([^}]*)\}/gm)].flatMap(([, list = ""]) =>
        list.split(",").map((name) => name.trim()),
      );
      const names = [...declared(text), ...imported].filter((name) => all.has(name));
      if (names.length === 0) return [];
      return [...text.matchAll(new RegExp(`\\b(?:${names.join("|")})\\(`, "g"))]
        .filter(({ index }) => !RUN.test(text.slice(0, index)))
        .map(([call]) => `${path}: ${call} is not run`);
    });
    expect(all.size).toBeGreaterThan(20);
    expect(idle).toEqual([]);
  });
});

describe("source files", () => {
  test(`have at most ${LINES_MAX} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }))
      .filter(({ lines }) => lines > LINES_MAX)
      .map(({ path, lines }) => `${path} has ${lines} lines`);
    expect(long).toEqual([]);
  });

  test("open with a comment of two to four lines", () => {
    const bare = sources.flatMap(({ path, text }) => {
      const lines = text.replace(/^#!.*\n/, "").split("\n");
      const opening = lines.findIndex((line) => !line.startsWith("//"));
      return opening >= 2 && opening <= 4 ? [] : [`${path} opens with ${opening} lines of comment`];
    });
    expect(bare).toEqual([]);
  });

  test("are named after what they own", () => {
    const vague = sources
      .filter(({ path }) => /^(?:utils?|helpers?|index|common|misc)\.ts$/.test(basename(path)))
      .filter(({ path }) => path !== "src/index.ts")
      .map(({ path }) => `${path} says nothing of what is in it`);
    expect(vague).toEqual([]);
  });
});

describe("the repository", () => {
  // An unpacked archive has no list of what is committed; a clone always has, and CI runs on one.
  test.skipIf(!existsSync(join(REPO_ROOT, ".git")))("names no place outside itself", () => {
    const committed = execFileSync("git", ["ls-files", "-z"], { cwd: REPO_ROOT, encoding: "utf8" })
      .split("\0")
      .filter((path) => statSync(join(REPO_ROOT, path), { throwIfNoEntry: false })?.isFile())
      .map((path) => ({ path, text: readFileSync(join(REPO_ROOT, path), "utf8") }))
      .filter(({ text }) => !text.includes("\0"));
    expect(committed.length).toBeGreaterThan(0);
    const strays = committed.flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => {
        const absolute = /(?<![\w.-])\/(?:work|root|home)\//.exec(line)?.[0];
        const shared = path === "test/support/chinook.ts" ? null : /\.\.\/shared\b/.exec(line);
        const found = absolute ?? shared?.[0];
        return found === undefined ? [] : [`${path}:${index + 1} names ${found}`];
      }),
    );
    expect(strays).toEqual([]);
  });

  test("locks its packages without the address of a registry", () => {
    const lock = readFileSync(join(REPO_ROOT, "package-lock.json"), "utf8");
    const addresses = lock.match(/"resolved":.*/g) ?? [];
    expect(addresses, "package-lock.json: install with --omit-lockfile-registry-resolved").toEqual(
      [],
    );
  });
});
