// Packs the package as it would be published, unpacks it where nothing else is, and uses it there.
// The folder is what `npm install` makes; only that its dependencies are links, for want of a net.

import { chmodSync, globSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { TrackService } from "../gen/chinook/v1/track_pb.ts";
import { connect } from "../src/client/client.ts";
import { runShell, runShellOk, startServer } from "./support/recipe-programs.ts";
import { copyTree } from "./support/recipe-tree.ts";
import { tempDir } from "./support/temp.ts";
import { REPO_ROOT } from "./support/tools.ts";

interface Manifest {
  readonly version: string;
  readonly bin: { readonly protostore: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Installed {
  /** The folder that it is installed in. */
  readonly folder: string;
  /** The package itself, in there. */
  readonly root: string;
  /** The folder that it was packed from. */
  readonly source: string;
  readonly manifest: Manifest;
}

/** Packs a copy of the repository, so that its own dist/ stays as it is, and installs that. */
async function install(): Promise<Installed> {
  const source = copyTree();
  const folder = tempDir();
  await runShellOk(source, `npm pack --silent --pack-destination '${folder}'`);
  const modules = join(folder, "node_modules");
  const root = join(modules, "protostore");
  mkdirSync(root, { recursive: true });
  await runShellOk(folder, "tar -xzf *.tgz -C node_modules/protostore --strip-components=1");
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(REPO_ROOT, "node_modules", name), join(modules, name));
  }
  // npm, too, makes the file of a command executable only when it installs it.
  chmodSync(join(root, manifest.bin.protostore), 0o755);
  mkdirSync(join(modules, ".bin"));
  symlinkSync(join(root, manifest.bin.protostore), join(modules, ".bin", "protostore"));
  return { folder, root, source, manifest };
}

function filesIn(root: string, pattern = "**"): string[] {
  return globSync(pattern, { cwd: root })
    .filter((path) => statSync(join(root, path)).isFile())
    .sort();
}

describe("the package", () => {
  test("runs where it is installed", async () => {
    const { folder, manifest } = await install();
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
    const { root, source } = await install();
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
    const compiled = ["src", "gen"]
      .flatMap((folder) => filesIn(REPO_ROOT, `${folder}/**/*.ts`))
      .flatMap((path) => [path.replace(/ts$/, "js"), path.replace(/ts$/, "d.ts")]);
    expect(filesIn(join(root, "dist"))).toEqual(compiled.sort());
    for (const folder of ["docs", "fixtures", "migrations"]) {
      expect(filesIn(root, `${folder}/**`)).toEqual(filesIn(REPO_ROOT, `${folder}/**`));
    }
    expect(filesIn(root, "proto/**")).toEqual(filesIn(REPO_ROOT, "proto/**/*.proto"));

    const telling = files.filter((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return [REPO_ROOT, source].some((folder) => text.includes(folder));
    });
    expect(telling).toEqual([]);
  });
});
