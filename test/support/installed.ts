// The package as it would be published, packed and unpacked where nothing else is. The folder is what
// `npm install` makes; only that its dependencies are links, for want of a net.

import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { runShellOk } from "./recipe-programs.ts";
import { copyTree } from "./recipe-tree.ts";
import { tempDir } from "./temp.ts";
import { REPO_ROOT } from "./tools.ts";

export interface Manifest {
  readonly version: string;
  readonly bin: { readonly protostore: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

export interface Installed {
  /** The folder that it is installed in. */
  readonly folder: string;
  /** The package itself, in there. */
  readonly root: string;
  readonly manifest: Manifest;
}

export interface Packed {
  readonly tarball: string;
  /** The folder that it was packed from. */
  readonly source: string;
}

/** Packs a copy of the repository, so that its own dist/ stays as it is; the caller removes the folder. */
export async function pack(directory: string): Promise<Packed> {
  const source = join(directory, "source");
  mkdirSync(source);
  copyTree(source);
  const name = await runShellOk(source, `npm pack --silent --pack-destination '${directory}'`);
  return { source, tarball: join(directory, name.trim().split("\n").at(-1) as string) };
}

/** Installs it, with links to these packages beside those that it needs. */
export async function install(tarball: string, beside: readonly string[] = []): Promise<Installed> {
  const folder = tempDir();
  const modules = join(folder, "node_modules");
  const root = join(modules, "protostore");
  mkdirSync(root, { recursive: true });
  await runShellOk(folder, `tar -xzf '${tarball}' -C node_modules/protostore --strip-components=1`);
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  for (const name of [...Object.keys(manifest.dependencies), ...beside]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(REPO_ROOT, "node_modules", name), join(modules, name));
  }
  // npm, too, makes the file of a command executable only when it installs it.
  chmodSync(join(root, manifest.bin.protostore), 0o755);
  mkdirSync(join(modules, ".bin"));
  symlinkSync(join(root, manifest.bin.protostore), join(modules, ".bin", "protostore"));
  return { folder, root, manifest };
}
