// Descriptors as bytes: the files of the stored messages with all that they import, in one image, which
// `buf` and `protoc` read too. Knows no tables.

import { createHash } from "node:crypto";
import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/**
 * The files of the messages and their imports as a FileDescriptorSet, each file after those that it
 * imports. Options that nobody here knows are unknown fields, and stay.
 */
export function imageOf(messages: readonly DescMessage[]): Uint8Array {
  const files = new Set<DescFile>();
  for (const { file } of messages) addFile(files, file);
  const protos = [...files].map(({ proto }) => proto);
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: protos }));
}

function addFile(files: Set<DescFile>, file: DescFile): void {
  if (files.has(file)) return;
  for (const imported of file.dependencies) addFile(files, imported);
  files.add(file);
}

/** The SHA-256 of an image, in hex: what it is known by. */
export function hashOf(image: Uint8Array): string {
  return createHash("sha256").update(image).digest("hex");
}

export function readImage(image: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}
