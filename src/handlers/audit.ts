// One line for each call that writes, or that may do anything: who, what, and how it ended.
// Never has the contents of messages, but for the names of resources.

import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { resource_reference } from "../../gen/google/api/resource_pb.ts";
import { requiredRole } from "../access/method-policy.ts";
import type { Log } from "../observe/log.ts";
import { isRedacted } from "../schema/redaction.ts";
import type { FinishedCall } from "./finished-call.ts";

/** The most names in a line; of more it tells how many there were. */
const NAMES_MAX = 100;

/** Writes the line of a call to `log` if it is of such a method. */
export function auditTo(log: Log): (call: FinishedCall) => void {
  const audited = new Map<DescMethod, boolean>();
  // Asked of its options once, and not for each call.
  const isAudited = (method: DescMethod) => {
    const known = audited.get(method);
    if (known !== undefined) return known;
    const role = requiredRole(method, true);
    const found = role === "writer" || role === "admin";
    audited.set(method, found);
    return found;
  };
  return (call) => {
    const { method, context, error, revision, request, response } = call;
    if (!isAudited(method)) return;
    const names = new Set([...namesIn(method.input, request), ...namesIn(method.output, response)]);
    log.info({
      principal: context.principal?.name ?? "anybody",
      peer: context.peer,
      method: `${method.parent.typeName}/${method.name}`,
      names: [...names].slice(0, NAMES_MAX),
      ...(names.size > NAMES_MAX && { nameCount: names.size }),
      outcome: error?.code ?? "OK",
      ...(revision !== undefined && { revision: String(revision) }),
    });
  };
}

/** The names of resources that a request or an answer is about. */
function namesIn(desc: DescMessage, bytes: Uint8Array | undefined): readonly string[] {
  if (!bytes) return [];
  try {
    return [...collectNames(desc, fromBinary(desc, bytes), true)];
  } catch {
    // A request that cannot be decoded was refused, and names nothing.
    return [];
  }
}

/** Of the resources in a message only their names: what they refer to is not written. */
function* collectNames(desc: DescMessage, message: Message, isTop: boolean): Iterable<string> {
  const reflected = reflect(desc, message);
  for (const field of desc.fields) {
    if (isRedacted(field)) continue;
    if (
      field.fieldKind === "scalar" ||
      (field.fieldKind === "list" && field.listKind === "scalar")
    ) {
      const isName =
        field.name === "name" ||
        (isTop && (field.name === "names" || hasOption(field, resource_reference)));
      if (!isName) continue;
      const value: unknown = reflected.get(field);
      const texts = field.fieldKind === "list" ? [...(value as Iterable<unknown>)] : [value];
      for (const text of texts) if (typeof text === "string" && text !== "") yield text;
    } else if (field.fieldKind === "message" && reflected.isSet(field)) {
      yield* collectNames(field.message, reflected.get(field).message, false);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const each of reflected.get(field)) {
        const { message: inner } = each as { message: Message };
        yield* collectNames(field.message, inner, false);
      }
    }
  }
}
