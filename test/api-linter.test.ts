// Google's API linter finds nothing in proto/, but for the rules that test/api-linter.yaml disables
// with a reason each.

import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outsideTool, REPO_ROOT } from "./support/tools.ts";

const linter = outsideTool("api-linter");

interface FileReport {
  readonly file_path: string;
  readonly problems: readonly { rule_id: string; message: string }[];
}

test.skipIf(!linter)("the API linter finds nothing", () => {
  const cwd = join(REPO_ROOT, "proto");
  const files = globSync("**/*.proto", { cwd });
  const imports = join(REPO_ROOT, "node_modules/google-gax/build/protos");
  const output = execFileSync(
    linter as string,
    [
      "--config",
      "../test/api-linter.yaml",
      "--output-format",
      "json",
      "-I",
      ".",
      "-I",
      imports,
    ].concat(files),
    { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const reports = JSON.parse(output) as FileReport[];
  expect(reports).toHaveLength(files.length);
  const findings = reports.flatMap(({ file_path, problems }) =>
    problems.map(({ rule_id, message }) => `${file_path}: ${rule_id}: ${message}`),
  );
  expect(findings).toEqual([]);
});
