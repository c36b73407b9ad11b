// Everything that reflection can be asked for, looked up by name: files, symbols, extensions.
// Knows descriptors only; must not know requests or versions of the reflection service.

import { type DescFile, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Looks up serialized FileDescriptorProtos; an answer begins with the file that was asked for. */
export interface DescriptorIndex {
  /** The file of that name, for example `library/v1/book.proto`, and all that it imports. */
  filesByName(name: string): Uint8Array[] | undefined;
  /** The file that declares a symbol by its full name, and all that it imports. */
  filesBySymbol(symbol: string): Uint8Array[] | undefined;
  /** The file that declares the extension `number` of the message `extendee`, with its imports. */
  filesByExtension(extendee: string, number: number): Uint8Array[] | undefined;
  /** The known extensions of a message, ascending; undefined if there is no such message. */
  extensionNumbers(extendee: string): number[] | undefined;
}

/** Indexes `roots` and everything they import. */
export function indexDescriptors(roots: readonly DescFile[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  const bytes = new Map<DescFile, Uint8Array>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of withImports(roots)) {
    files.set(file.proto.name, file);
    // As the compiler wrote them: options that we do not know are unknown fields, and stay.
    bytes.set(file, toBinary(FileDescriptorProtoSchema, file.proto));
    const declared = collectDeclarations(file.proto);
    for (const symbol of declared.symbols) symbols.set(symbol, file);
    for (const message of declared.messages) getOrAdd(extensions, message);
    for (const { extendee, number } of declared.extensions) {
      // The name begins with a dot.
      getOrAdd(extensions, extendee.slice(1)).set(number, file);
    }
  }
  const serialize = (file: DescFile | undefined) =>
    file && [...withImports([file])].map((each) => bytes.get(each) as Uint8Array);
  return {
    filesByName: (name) => serialize(files.get(name)),
    filesBySymbol: (symbol) => serialize(symbols.get(symbol)),
    filesByExtension: (extendee, number) => serialize(extensions.get(extendee)?.get(number)),
    extensionNumbers(extendee) {
      const known = extensions.get(extendee);
      return known && [...known.keys()].sort((a, b) => a - b);
    },
  };
}

/** `files` and everything they import, each once, `files` first. */
function withImports(files: readonly DescFile[]): Set<DescFile> {
  const found = new Set(files);
  // A set hands out what is added to it while it is walked.
  for (const file of found) {
    for (const dependency of file.dependencies) found.add(dependency);
  }
  return found;
}

interface Declarations {
  /** The full names of everything that the file declares. */
  readonly symbols: string[];
  readonly messages: string[];
  readonly extensions: FieldDescriptorProto[];
}

function collectDeclarations(file: FileDescriptorProto): Declarations {
  const into: Declarations = { symbols: [], messages: [], extensions: [] };
  for (const message of file.messageType) collectMessage(message, file.package, into);
  for (const type of file.enumType) collectEnum(type, file.package, into);
  for (const extension of file.extension) collectExtension(extension, file.package, into);
  for (const service of file.service) {
    const name = qualify(file.package, service.name);
    into.symbols.push(name, ...service.method.map((method) => qualify(name, method.name)));
  }
  return into;
}

function collectMessage(message: DescriptorProto, scope: string, into: Declarations): void {
  const name = qualify(scope, message.name);
  into.messages.push(name);
  into.symbols.push(name);
  for (const part of [...message.field, ...message.oneofDecl]) {
    into.symbols.push(qualify(name, part.name));
  }
  for (const nested of message.nestedType) collectMessage(nested, name, into);
  for (const type of message.enumType) collectEnum(type, name, into);
  for (const extension of message.extension) collectExtension(extension, name, into);
}

/** Values are siblings of their enum: `google.type.MONDAY`, not `google.type.DayOfWeek.MONDAY`. */
function collectEnum(type: EnumDescriptorProto, scope: string, into: Declarations): void {
  for (const { name } of [type, ...type.value]) into.symbols.push(qualify(scope, name));
}

function collectExtension(
  extension: FieldDescriptorProto,
  scope: string,
  into: Declarations,
): void {
  into.symbols.push(qualify(scope, extension.name));
  into.extensions.push(extension);
}

function qualify(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

function getOrAdd(
  extensions: Map<string, Map<number, DescFile>>,
  extendee: string,
): Map<number, DescFile> {
  const known = extensions.get(extendee) ?? new Map<number, DescFile>();
  extensions.set(extendee, known);
  return known;
}
