// Holds the lowest versions that are safe to run on: each floor is a release that fixed a fault which
// can lose data or be used against the server. Raise a floor with the release that fixes the next one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { REPO_ROOT } from "./support/tools.ts";

/** By major version: Node's fixes are made in each line that is still supported. */
const NODE_FLOORS: Readonly<Record<number, string>> = { 22: "22.23.2", 24: "24.18.1" };
const SQLITE_FLOOR = "3.54.0";
const PACKAGE_FLOORS: Readonly<Record<string, string>> = {
  "@grpc/grpc-js": "1.14.7",
  "@bufbuild/protobuf": "2.17.0",
  "@bufbuild/protoc-gen-es": "2.17.0",
  "better-sqlite3": "13.2.0",
  protobufjs: "7.6.5",
};

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly overrides: Record<string, string>;
}

interface Lock {
  readonly packages: Record<string, { readonly version?: string }>;
}

const manifest = JSON.parse(readFileSync(join(REPO_ROOT, "package.json"), "utf8")) as Manifest;
const lock = JSON.parse(readFileSync(join(REPO_ROOT, "package-lock.json"), "utf8")) as Lock;

function isAtLeast(version: string, floor: string): boolean {
  const [a, b] = [version, floor].map((text) => text.split(".").map((part) => parseInt(part, 10)));
  const [major = 0, minor = 0, patch = 0] = a ?? [];
  const [floorMajor = 0, floorMinor = 0, floorPatch = 0] = b ?? [];
  return (
    (major - floorMajor ||
      minor - floorMinor ||
      patch - floorPatch ||
      (version === floor ? 0 : -1)) >= 0
  );
}

describe("versions", () => {
  test.each([
    ["1.14.7", "1.14.7", true],
    ["1.14.10", "1.14.7", true],
    ["1.15.0", "1.14.7", true],
    ["2.0.0", "1.14.7", true],
    ["1.14.6", "1.14.7", false],
    ["1.9.9", "1.14.7", false],
    ["0.99.99", "1.14.7", false],
    ["1.14.7-beta.1", "1.14.7", false],
  ])("%s against the floor %s: %s", (version, floor, expected) => {
    expect(isAtLeast(version, floor)).toBe(expected);
  });

  test("of Node, both the pinned one and the one that runs", () => {
    const pinned = manifest.devDependencies.node ?? "";
    expect(isAtLeast(pinned, "24.18.1"), `package.json pins Node ${pinned}`).toBe(true);
    const running = process.versions.node;
    const floor = NODE_FLOORS[parseInt(running, 10)] ?? "25.0.0";
    expect(isAtLeast(running, floor), `Node ${running} runs, the floor is ${floor}`).toBe(true);
  });

  test("of SQLite, as it says itself", () => {
    const db = new Database(":memory:");
    const version = db.prepare("SELECT sqlite_version()").pluck().get() as string;
    db.close();
    expect(isAtLeast(version, SQLITE_FLOOR), `SQLite is ${version}`).toBe(true);
  });

  test.each(Object.entries(PACKAGE_FLOORS))(
    "of every locked copy of %s: at least %s",
    (name, floor) => {
      const copies = Object.entries(lock.packages).filter(([path]) =>
        `/${path}`.endsWith(`/node_modules/${name}`),
      );
      expect(copies).not.toEqual([]);
      const old = copies
        .filter(([, { version }]) => version === undefined || !isAtLeast(version, floor))
        .map(([path, { version }]) => `${path} is ${version}`);
      expect(old).toEqual([]);
    },
  );

  test("in package.json are exact", () => {
    const { dependencies, devDependencies, overrides } = manifest;
    const loose = Object.entries({ ...dependencies, ...devDependencies, ...overrides })
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${name} is ${version}`);
    expect(loose).toEqual([]);
  });
});
