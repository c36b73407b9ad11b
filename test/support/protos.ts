// Builds the messages of test/proto when the tests run: they are known by descriptor alone, which is
// all that the service needs.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { REPO_ROOT } from "./tools.ts";

const BUF = join(REPO_ROOT, "node_modules", ".bin", "buf");

let image: Uint8Array | undefined;
let registry: FileRegistry | undefined;

/** All files under test/proto and what they import, as a FileDescriptorSet. */
export function testImage(): Uint8Array {
  image ??= execFileSync(BUF, ["build", "test/proto", "--output", "-"], {
    cwd: REPO_ROOT,
    maxBuffer: 64 * 1024 * 1024,
  });
  return image;
}

/** All files under test/proto and what they import. */
export function testRegistry(): FileRegistry {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, testImage()));
  return registry;
}

/** A message of test/proto by its full name. */
export function testMessage(typeName: string): DescMessage {
  const desc = testRegistry().getMessage(typeName);
  if (!desc) throw new Error(`there is no message ${typeName} in test/proto`);
  return desc;
}

/** A service of test/proto by its full name. */
export function testService(typeName: string): DescService {
  const desc = testRegistry().getService(typeName);
  if (!desc) throw new Error(`there is no service ${typeName} in test/proto`);
  return desc;
}
