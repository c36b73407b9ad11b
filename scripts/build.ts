// Makes dist/, what is published: code bundled into few files, since Node.js takes longer to find and
// link hundreds of modules than to run them, and the types of what others import. The packages that it
// depends on stay outside, but for protobuf in the command, which nobody's stubs share with it.

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
  "src/database/sqlite/backup/backup-thread",
];

/** What shares no module with another: each has its own threads, and other packages inside. */
interface Bundle {
  /** What is found by its path. */
  readonly entries: readonly string[];
  /** Where in dist/ its threads and its chunks are. */
  readonly folder: string;
  /** Packages whose code is in it. */
  readonly inside: readonly string[];
}

const BUNDLES: readonly Bundle[] = [
  { entries: [...EXPORTED, ...THREADS], folder: "", inside: [] },
  {
    entries: ["src/main", "src/chinook/resources", ...THREADS],
    folder: "command/",
    // 69 files, loaded in each thread.
    inside: ["@bufbuild/protobuf"],
  },
];

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

rmSync(DIST, { recursive: true, force: true });
for (const each of BUNDLES) await bundle(each);
declareTypes();

async function bundle({ entries, folder, inside }: Bundle): Promise<void> {
  const pathOf = (module: string) =>
    `${module.startsWith("src/database/") ? folder : ""}${module}.js`;
  const reached = new Map<string, ReadonlySet<string>>();
  const findReached: Plugin = {
    name: "find-reached",
    buildEnd() {
      for (const [name, roots] of Object.entries(TOGETHER)) reached.set(name, reach(this, roots));
    },
  };
  const sources = new Set(entries.map(sourceOf));
  await using bundler = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(entries.map((entry) => [entry, sourceOf(entry)])),
    platform: "node",
    transform: { target: "es2024" },
    // Comments name the files: by the path that they have in the tree.
    resolve: { symlinks: false },
    external: (id) => {
      const name = packageOf(id);
      return (
        id.startsWith("node:") || (Object.hasOwn(dependencies, name) && !inside.includes(name))
      );
    },
    plugins: [keepUrls(pathOf), findReached],
    onLog(level, log) {
      // For example an import that nothing resolves, which would only fail where it is installed.
      if (level === "warn") throw new Error(log.message);
    },
  });
  await bundler.write({
    dir: DIST,
    entryFileNames: ({ name }) => pathOf(name),
    chunkFileNames: `${folder}chunks/[name].js`,
    comments: { jsdoc: false },
    banner: ({ moduleIds }) => noticesOf(moduleIds),
    codeSplitting: {
      groups: Object.keys(TOGETHER).map((name, index, { length }) => ({
        name,
        priority: length - index,
        test: (id) => reached.get(name)?.has(id) === true && !sources.has(id),
      })),
    },
  });
}

/** To others, a module that says where it is has its own path, whichever file holds its code. */
function keepUrls(pathOf: (module: string) => string): Plugin {
  return {
    name: "keep-urls",
    transform(code, id) {
      if (!isOwn(id) || !code.includes("import.meta.url")) return null;
      const path = pathOf(relative(ROOT, id).replace(/\.ts$/, ""));
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
}

/** What the packages that are inside want to be said of them: the comments that their files open with. */
function noticesOf(modules: readonly string[]): string {
  const texts = modules
    .filter((id) => id.includes("/node_modules/"))
    .map((id) => /^(?:\/\/.*\n)+/.exec(readFileSync(id, "utf8"))?.[0] ?? "");
  const isLonger = (text: string) =>
    texts.some((other) => other !== text && text.startsWith(other));
  return [...new Set(texts)].filter((text) => text !== "" && !isLonger(text)).join("\n");
}

function isOwn(id: string): boolean {
  return id.startsWith(ROOT) && !id.includes("/node_modules/");
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
