// The registry of all types that the served messages are made of or import.
// Knows no tables: a type is in it whether it is stored or not.

import { createRegistry, type DescFile, type DescMessage, type Registry } from "@bufbuild/protobuf";

/** The types of the messages' files and of every file that they import: what an Any may hold. */
export function registryOf(messages: readonly DescMessage[]): Registry {
  const files = new Set<DescFile>(messages.map(({ file }) => file));
  // A set also iterates over what is added to it on the way.
  for (const file of files) for (const imported of file.dependencies) files.add(imported);
  return createRegistry(...files);
}
