// The types that messages are made of: those in a message, and the registry of all that the served
// messages are made of or import. Knows no tables: a type is there whether it is stored or not.

import { createRegistry, type DescFile, type DescMessage, type Registry } from "@bufbuild/protobuf";
import { isWellKnown } from "./types/all-kinds.ts";

/** The message and all that are in it, at any depth; those of google.protobuf are not looked into. */
export function messagesIn(desc: DescMessage): ReadonlySet<DescMessage> {
  const found = new Set([desc]);
  // A set also iterates over what is added to it on the way.
  for (const each of found) {
    if (isWellKnown(each)) continue;
    for (const { message } of each.fields) if (message) found.add(message);
  }
  return found;
}

/** The types of the messages' files and of every file that they import: what an Any may hold. */
export function registryOf(messages: readonly DescMessage[]): Registry {
  const files = new Set<DescFile>(messages.map(({ file }) => file));
  // A set also iterates over what is added to it on the way.
  for (const file of files) for (const imported of file.dependencies) files.add(imported);
  return createRegistry(...files);
}
