// What the protos of the package import, put beside them while the package is packed: whoever installs
// it can compile them. `copy` puts the files there, `remove` takes them away again.

import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const PROTOS = "proto";
const SOURCE = "node_modules/google-gax/build/protos";
/** What comes with every compiler. */
const BUILT_IN = "google/protobuf/";
const COPIES = join(PROTOS, "google");

function importsOf(path: string): readonly string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/^import "([^"]+)";/gm)].map(([, imported = ""]) => imported);
}

function copyImports(paths: readonly string[], copied: Set<string>): void {
  const wanted = paths.flatMap(importsOf).filter((path) => path.startsWith("google/"));
  for (const path of new Set(wanted)) {
    if (path.startsWith(BUILT_IN) || copied.has(path)) continue;
    copied.add(path);
    mkdirSync(dirname(join(PROTOS, path)), { recursive: true });
    copyFileSync(join(SOURCE, path), join(PROTOS, path));
    copyImports([join(SOURCE, path)], copied);
  }
}

const [command] = process.argv.slice(2);
rmSync(COPIES, { recursive: true, force: true });
if (command === "copy") copyImports(globSync(`${PROTOS}/**/*.proto`), new Set());
else if (command !== "remove") throw new Error("usage: imported-protos.ts copy|remove");
