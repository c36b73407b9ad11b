// Sets of descriptors that tests make: those of test/proto, changed as another version of them would
// be. Must not need the test runner: threads import it.

import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { testImage } from "./protos.ts";

/** A resource of an image, with the service that has its standard methods. */
export interface ImageResource {
  readonly resource: DescMessage;
  readonly service: DescService;
}

/** The file of this name and its imports, after `change` has changed it, as an image. */
export function imageWith(
  fileName: string,
  change: (file: FileDescriptorProto) => void = () => {},
): Uint8Array {
  const all = fromBinary(FileDescriptorSetSchema, testImage());
  const names = new Set([fileName]);
  // A set also iterates over what is added to it on the way.
  for (const name of names) for (const each of fileIn(all, name).dependency) names.add(each);
  all.file = all.file.filter(({ name }) => names.has(name));
  change(fileIn(all, fileName));
  return toBinary(FileDescriptorSetSchema, all);
}

function fileIn(set: FileDescriptorSet, fileName: string): FileDescriptorProto {
  const file = set.file.find(({ name }) => name === fileName);
  if (!file) throw new Error(`there is no file ${fileName}`);
  return file;
}

/** The types of an image. */
export function typesOf(image: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}

/** The resources of these names, each with the service that gets it. */
export function resourcesOf(image: Uint8Array, names: readonly string[]): ImageResource[] {
  const types = typesOf(image);
  return names.map((name) => {
    const resource = types.getMessage(name);
    if (!resource) throw new Error(`the image has no message ${name}`);
    for (const service of types) {
      if (service.kind !== "service") continue;
      if (service.methods.some((method) => method.name === `Get${resource.name}`)) {
        return { resource, service };
      }
    }
    throw new Error(`the image has no service that gets ${name}`);
  });
}

/** A message of a file. */
export function messageIn(file: FileDescriptorProto, name: string): DescriptorProto {
  const message = file.messageType.find((candidate) => candidate.name === name);
  if (!message) throw new Error(`${file.name} has no message ${name}`);
  return message;
}

/** A field of a message. */
export function fieldIn(message: DescriptorProto, name: string): FieldDescriptorProto {
  const field = message.field.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${message.name} has no field ${name}`);
  return field;
}

/** An enum of a file. */
export function enumIn(file: FileDescriptorProto, name: string): EnumDescriptorProto {
  const found = file.enumType.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`${file.name} has no enum ${name}`);
  return found;
}

/** Takes fields away, as a version from before they were there. */
export function dropFields(message: DescriptorProto, names: readonly string[]): void {
  for (const name of names) fieldIn(message, name);
  message.field = message.field.filter(({ name }) => !names.includes(name));
  const used = message.oneofDecl.map((_, index) =>
    message.field.some((field) => Object.hasOwn(field, "oneofIndex") && field.oneofIndex === index),
  );
  for (const field of message.field) {
    if (!Object.hasOwn(field, "oneofIndex")) continue;
    field.oneofIndex = used.slice(0, field.oneofIndex).filter(Boolean).length;
  }
  message.oneofDecl = message.oneofDecl.filter((_, index) => used[index]);
}
