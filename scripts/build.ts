// Makes dist/, what is published: our own code bundled into few files, since Node.js takes longer to
// find and link hundreds of modules than to run them, and the types of what others import.
// The packages that it depends on stay outside: stubs of others must share protobuf with us.

import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Plugin, type PluginContext, rolldown } from "rolldown";

const ROOT = resolve(import.meta.dirname, "..");
const DIST = join(ROOT, "dist");

/** What package.json exports, which has types. */
const EXPORTED = ["src/index", "src/client/client", "conformance/suite"];

const THREADS = [
  "src/database/sqlite/writer/writer-thread",
  "src/database/sqlite/readers/reader-thread",
];

/** What is found by its path: these files stay where their source is. */
const ENTRIES = ["src/main", ...EXPORTED, ...THREADS, "src/chinook/resources"];

/**
 * Code that is loaded together, in one file, though some who load it could do with less: for each such
 * file, the modules that it begins with. An earlier one keeps what a later one imports, too. What is in
 * none is split by who imports it. None may hold what is not for all who load it: a client has no driver,
 * and a program of others nothing of Chinook.
 */
const TOGETHER: Readonly<Record<string, readonly string[]>> = {
  start: ["src/main"],
  // What anybody's stubs may import.
  stubs: globSync("gen/{google/**/*,protostore/v1/{options,view}_pb}.ts", { cwd: ROOT }).map(
    (path) => path.replace(/\.ts$/, ""),
  ),
  threads: THREADS,
  serve: ["src/boot"],
};

const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  dependencies: Readonly<Record<string, string>>;
};

/** Stands for `import.meta.url` until it is known which file a module is in. */
const OWN_URL = "__OWN_URL__";

/** To others, a module that says where it is has its own path, whichever file holds its code. */
const keepUrls: Plugin = {
  name: "keep-urls",
  transform(code, id) {
    if (!id.startsWith(ROOT) || !code.includes("import.meta.url")) return null;
    const path = relative(ROOT, id).replace(/\.ts$/, ".js");
    return code.replaceAll("import.meta.url", `${OWN_URL}(${JSON.stringify(path)})`);
  },
  renderChunk(code, { fileName }) {
    return code.replaceAll(new RegExp(`${OWN_URL}\\("([^"]+)"\\)`, "g"), (_, path: string) => {
      if (path === fileName) return "import.meta.url";
      const from = JSON.stringify(relative(dirname(fileName), path));
      return `new URL(${from}, import.meta.url).href`;
    });
  },
};

rmSync(DIST, { recursive: true, force: true });
await bundle();
declareTypes();

async function bundle(): Promise<void> {
  const reached = new Map<string, ReadonlySet<string>>();
  const findReached: Plugin = {
    name: "find-reached",
    buildEnd() {
      for (const [name, roots] of Object.entries(TOGETHER)) reached.set(name, reach(this, roots));
    },
  };
  const entries = new Set(ENTRIES.map(sourceOf));
  await using bundler = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(ENTRIES.map((entry) => [entry, sourceOf(entry)])),
    platform: "node",
    external: (id) => id.startsWith("node:") || Object.hasOwn(dependencies, packageOf(id)),
    plugins: [keepUrls, findReached],
    onLog(level, log) {
      // For example an import that nothing resolves, which would only fail where it is installed.
      if (level === "warn") throw new Error(log.message);
    },
  });
  await bundler.write({
    dir: DIST,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    comments: { jsdoc: false },
    codeSplitting: {
      groups: Object.keys(TOGETHER).map((name, index, { length }) => ({
        name,
        priority: length - index,
        test: (id) => reached.get(name)?.has(id) === true && !entries.has(id),
      })),
    },
  });
}

function sourceOf(entry: string): string {
  return join(ROOT, `${entry}.ts`);
}

function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** The modules that are loaded with these. */
function reach(context: PluginContext, roots: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const rest = roots.map(sourceOf);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    rest.push(...(context.getModuleInfo(next)?.importedIds ?? []));
  }
  return seen;
}

/** Keeps of the types of all that is compiled those that somebody can come to from an export. */
function declareTypes(): void {
  const compiler = join(ROOT, "node_modules", ".bin", "tsc");
  execFileSync(compiler, ["--project", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
  const seen = new Set<string>();
  const rest = EXPORTED.map((entry) => join(DIST, `${entry}.d.ts`));
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const text = readFileSync(next, "utf8");
    for (const [, path = ""] of text.matchAll(/\b(?:from|import)\s*\(?"(\.[^"]+)\.ts"/g)) {
      rest.push(join(dirname(next), `${path}.d.ts`));
    }
  }
  for (const path of globSync(join(DIST, "**", "*.d.ts"))) if (!seen.has(path)) rmSync(path);
}
