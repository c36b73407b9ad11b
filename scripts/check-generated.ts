// Compares the committed stubs with what `buf generate` makes of the protos now, byte for byte.
// Writes only into a temporary folder, which it removes; `npm run generate` is what repairs.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const TEMPLATE = "buf.gen.yaml";
const OUT = "gen";

const scratch = mkdtempSync(join(tmpdir(), "check-generated-"));
try {
  const findings = check();
  for (const finding of findings) console.error(finding);
  if (findings.length > 0) {
    console.error("If the protos are as you want them, commit what `npm run generate` writes.");
    process.exitCode = 1;
  } else {
    console.log(`${OUT}/ is fresh`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function check(): string[] {
  if (!generate()) return [`${TEMPLATE}: buf generate fails, for the reason above`];
  const committed = filesUnder(join(ROOT, OUT));
  const fresh = filesUnder(join(scratch, OUT));
  // A template whose `out` is another folder would otherwise compare nothing with nothing.
  if (fresh.size === 0) return [`${OUT}/: ${TEMPLATE} generates nothing there`];
  return [...new Set([...committed.keys(), ...fresh.keys()])].sort().flatMap((file) => {
    const [was, is] = [committed.get(file), fresh.get(file)];
    if (was === undefined) return [`${OUT}/${file}: missing`];
    if (is === undefined) return [`${OUT}/${file}: extra, no proto generates it`];
    return was.equals(is) ? [] : [`${OUT}/${file}: differs from what ${TEMPLATE} generates`];
  });
}

function generate(): boolean {
  const binaries = join(ROOT, "node_modules", ".bin");
  const { error, status } = spawnSync(
    join(binaries, "buf"),
    ["generate", "--template", TEMPLATE, "--output", scratch],
    {
      cwd: ROOT,
      // buf finds its plugin, and the plugin its Node, on PATH: the pinned ones come first.
      env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ""}` },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (error !== undefined) console.error(error.message);
  return status === 0;
}

function filesUnder(folder: string): Map<string, Buffer> {
  if (!existsSync(folder)) return new Map();
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path)]),
  );
}
