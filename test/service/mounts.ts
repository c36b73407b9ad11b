// Disks of the tests' own: mounted by root, where that is permitted, and gone with the test.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeTempDir, tempDir } from "../support/temp.ts";

/** A file system of its own. */
export interface Disk {
  readonly folder: string;
  remount(options: string): void;
}

/** True if file systems can be mounted here; if not, it is said once on the console. */
export function canMount(): boolean {
  const folder = makeTempDir();
  try {
    run("mount", "-t", "tmpfs", "none", folder);
    run("umount", folder);
    return true;
  } catch {
    console.warn("mount is not permitted: nothing is tried on read-only file systems");
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A disk in memory. */
export function mountMemory(): Disk {
  return mount("-t", "tmpfs", "none");
}

/** A disk in a file, which turns read-only when it is damaged; undefined if it cannot be mounted. */
export function mountImage(): Disk | undefined {
  const image = join(tempDir(), "image");
  try {
    run("truncate", "-s", "64M", image);
    run("mkfs.ext4", "-q", "-F", image);
    return mount("-o", "loop,errors=remount-ro", image);
  } catch {
    return undefined;
  }
}

function mount(...args: readonly string[]): Disk {
  const folder = join(tempDir(), "disk");
  mkdirSync(folder);
  run("mount", ...args, folder);
  onTestFinished(() => run("umount", "--lazy", folder));
  return { folder, remount: (options) => run("mount", "-o", `remount,${options}`, folder) };
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: "ignore" });
}
