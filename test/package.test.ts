// The package as it would be published: its command, its files, its exports, and a program of somebody
// else that uses nothing but it.

import { cpSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TrackService } from "../gen/chinook/v1/track_pb.ts";
import { connect } from "../src/client/client.ts";
import { install, type Packed, pack } from "./support/installed.ts";
import { PACKAGE_PROGRAMS, runShell, runShellOk, startServer } from "./support/recipe-programs.ts";
import { makeTempDir } from "./support/temp.ts";
import { REPO_ROOT } from "./support/tools.ts";

function filesIn(root: string, pattern = "**"): string[] {
  return globSync(pattern, { cwd: root })
    .filter((path) => statSync(join(root, path)).isFile())
    .sort();
}

const THREADS = [
  "src/database/sqlite/writer/writer-thread.js",
  "src/database/sqlite/readers/reader-thread.js",
  "src/database/sqlite/backup/backup-thread.js",
];

/** The same for the command, which has protobuf inside. */
const COMMAND_THREADS = THREADS.map((path) => `command/${path}`);

/** What is found by its path; the rest of dist/ is imported by these, or by what they import. */
const ENTRIES = [
  "src/main.js",
  "src/chinook/resources.js",
  ...COMMAND_THREADS,
  "src/index.js",
  "src/index.d.ts",
  "src/client/client.js",
  "src/client/client.d.ts",
  "conformance/suite.js",
  "conformance/suite.d.ts",
  ...THREADS,
];

interface Closure {
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

/** What is loaded with these files of the folder; with `later`, what they import only when they need it, too. */
function closure(dist: string, entries: readonly string[], later = false): Closure {
  const always = /^(?:import|export)\b[^;"']*["']([^"']+)["'];$/gm;
  const ever = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g;
  const files = new Set<string>();
  const packages = new Set<string>();
  const rest = [...entries];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (files.has(next)) continue;
    files.add(next);
    const text = readFileSync(join(dist, next), "utf8");
    for (const [, found = ""] of text.matchAll(later ? ever : always)) {
      if (found.startsWith(".")) rest.push(join(dirname(next), found.replace(/\.ts$/, ".d.ts")));
      else if (!found.startsWith("node:")) {
        packages.add(found.split("/", found.startsWith("@") ? 2 : 1).join("/"));
      }
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** The files of dist/ that nothing comes to; fails if one is missing. */
function unreached(dist: string): string[] {
  const reached = new Set(closure(dist, ENTRIES, true).files);
  return filesIn(dist).filter((path) => !reached.has(path));
}

describe("the package", () => {
  const directory = makeTempDir();
  let packed: Packed;

  beforeAll(async () => {
    packed = await pack(directory);
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("runs where it is installed", async () => {
    const { folder, manifest } = await install(packed.tarball);
    const protostore = join(folder, "node_modules", ".bin", "protostore");

    expect(await runShellOk(folder, `${protostore} --version`)).toBe(`${manifest.version}\n`);
    expect(await runShellOk(folder, `${protostore} --help`)).toContain("Usage: protostore");
    expect(await runShell(folder, `${protostore} verify`)).toEqual({
      code: 1,
      output: expect.stringMatching(/^protostore: [^\n]*\n$/),
    });

    const address = await startServer(folder, protostore, ["serve", "--fixtures"]);
    const connection = connect(address);
    const track = await connection.service(TrackService).getTrack({ name: "tracks/1" });
    connection.close();
    const fixtures = readFileSync(join(REPO_ROOT, "fixtures", "tracks.json"), "utf8");
    expect(track.title).toBe(JSON.parse(fixtures)[0].title);
    expect(await runShellOk(folder, `${protostore} verify`)).toMatch(/^\d+ rows: .* agree\n$/);
  });

  test("has what it needs, and nothing of where it was made", async () => {
    const { root } = await install(packed.tarball);
    const files = filesIn(root);
    expect([...new Set(files.map((path) => path.split("/")[0]))].sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist",
      "docs",
      "fixtures",
      "migrations",
      "package.json",
      "proto",
    ]);
    expect(unreached(join(root, "dist"))).toEqual([]);
    for (const folder of ["docs", "fixtures", "migrations"]) {
      expect(filesIn(root, `${folder}/**`)).toEqual(filesIn(REPO_ROOT, `${folder}/**`));
    }
    const protos = filesIn(root, "proto/**");
    expect(protos.filter((path) => !path.startsWith("proto/google/"))).toEqual(
      filesIn(REPO_ROOT, "proto/**/*.proto"),
    );
    await runShellOk(root, "buf build proto");

    const telling = files.filter((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return [REPO_ROOT, packed.source].some((folder) => text.includes(folder));
    });
    expect(telling).toEqual([]);
  });

  test("loads no package that who loads it does not need", async () => {
    const { root } = await install(packed.tarball);
    const dist = join(root, "dist");
    const packagesOf = (entry: string) => closure(dist, [entry]).packages;

    expect(packagesOf("src/main.js")).toEqual([]);
    expect(packagesOf("src/index.js")).toEqual(["@bufbuild/protobuf", "better-sqlite3", "pino"]);
    expect(packagesOf("src/client/client.js")).toEqual(["@bufbuild/protobuf", "@grpc/grpc-js"]);
    expect(packagesOf("conformance/suite.js")).toEqual(["@bufbuild/protobuf", "@grpc/grpc-js"]);
    for (const thread of THREADS) {
      expect(packagesOf(thread)).toEqual(["@bufbuild/protobuf", "better-sqlite3"]);
    }
    for (const thread of COMMAND_THREADS) expect(packagesOf(thread)).toEqual(["better-sqlite3"]);
  });

  test("keeps Chinook, and a protobuf of its own, to the command", async () => {
    const { root } = await install(packed.tarball);
    const dist = join(root, "dist");
    const modulesOf = (entries: readonly string[]) =>
      closure(dist, entries, true)
        .files.filter((path) => path.endsWith(".js"))
        .flatMap(
          (path) => readFileSync(join(dist, path), "utf8").match(/^\/\/ \S+\.[jt]s$/gm) ?? [],
        );
    const notOthers = (name: string) => /^\/\/ (?:src|gen)\/chinook\/|node_modules/.test(name);

    const command = modulesOf(["src/main.js", "src/chinook/resources.js", ...COMMAND_THREADS]);
    expect(command).toEqual(expect.arrayContaining(["// src/chinook/resources.ts"]));
    expect(command.filter((name) => name.includes("node_modules/@bufbuild/"))).not.toEqual([]);
    const others = modulesOf(["src/index.js", "src/client/client.js", ...THREADS]);
    expect(others).toEqual(expect.arrayContaining(["// src/boot.ts"]));
    expect(others.filter(notOthers)).toEqual([]);
    // One copy of each file: what is there twice has its state twice.
    for (const each of [command, others]) expect(each).toEqual([...new Set(each)]);
  });

  test("has exports that resolve, with their types, for ES modules and bundlers", async () => {
    const { tarball } = packed;
    await runShellOk(directory, `attw '${tarball}' --profile esm-only --format ascii`);
    await runShellOk(directory, `publint --strict '${tarball}'`);
  });

  test("serves the messages of somebody else", async () => {
    const { folder } = await install(packed.tarball, [
      "@bufbuild/buf",
      "@bufbuild/protoc-gen-es",
      "@types/node",
      "typescript",
    ]);
    cpSync(join(REPO_ROOT, "examples", "library"), folder, { recursive: true });
    await runShellOk(folder, "mv gen committed && buf generate && diff -r committed gen");
    await runShellOk(folder, "tsc && tsc --module esnext --moduleResolution bundler");
    await runShellOk(folder, "buf format proto --diff --exit-code");
    await runShellOk(folder, `PATH="${PACKAGE_PROGRAMS}:$PATH" npm test`);
  });

  test("refuses to serve in the module that threads import, with a word", async () => {
    const { folder } = await install(packed.tarball);
    cpSync(join(REPO_ROOT, "examples", "library"), folder, { recursive: true });
    writeFileSync(
      join(folder, "src", "all.ts"),
      `import { defineResources, serve } from "protostore";
import { AuthorSchema, AuthorService } from "../gen/library/v1/author_pb.ts";

export const RESOURCES = defineResources(import.meta.url, [
  { resource: AuthorSchema, service: AuthorService },
]);
await serve({ ...RESOURCES, migrations: "migrations" }, { database: "all.db", address: "127.0.0.1:0" });
`,
    );
    const { code, output } = await runShell(folder, "node src/all.ts");
    expect(code).not.toBe(0);
    expect(output).toContain("all.ts defines resources and must not do anything else");
  });
});
