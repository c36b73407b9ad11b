// Reads deploy/Dockerfile: its instructions in their order, as the tests run and compare them.
// Runs nothing.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPO_ROOT } from "../support/tools.ts";

/** One instruction, without its options. */
export interface Instruction {
  readonly name:
    | "FROM"
    | "WORKDIR"
    | "COPY"
    | "RUN"
    | "USER"
    | "VOLUME"
    | "EXPOSE"
    | "STOPSIGNAL"
    | "HEALTHCHECK"
    | "ENTRYPOINT"
    | "CMD";
  readonly argument: string;
}

/** The instructions of the image. */
export function readDockerfile(): readonly Instruction[] {
  const text = readFileSync(join(REPO_ROOT, "deploy", "Dockerfile"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", argument = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      if (name === "") throw new Error(`this is no instruction: ${line}`);
      return { name, argument } as Instruction;
    });
}
