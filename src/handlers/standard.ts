// The standard methods (AIP-131 to AIP-135) and their batches (AIP-231 to AIP-235) of any service,
// recognised by their shape and answered from descriptors alone.

import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { RawFunction } from "./handler.ts";
import { pagingMessages } from "./paging.ts";
import { refuseIgnoredFields, type StandardVerb } from "./request-fields.ts";
import { batchGetMethod, getMethod, listMethod } from "./standard-read.ts";
import type { StandardTools, UnaryFunction } from "./standard-tools.ts";
import { type Items, writeBatchMethod, writeMethod } from "./standard-write.ts";
import { createParser, deleteParser, type MakeParser, updateParser } from "./write-requests.ts";

/** A function that answers a standard method. */
export type StandardFunction =
  | { readonly implement: UnaryFunction }
  | { readonly implementRaw: RawFunction };

/**
 * The function that answers `method` if it is a standard method of the repository's resource.
 * @throws StoreError INVALID_PLAN if its request has a field that would be ignored.
 */
export function implementStandard(
  method: DescMethod,
  tools: StandardTools,
): StandardFunction | undefined {
  const [, verb = "", noun = ""] = VERB.exec(method.name) ?? [];
  const found = implementVerb(method, verb, noun, tools);
  if (found && verb !== "List") {
    const { plan } = tools.repository;
    refuseIgnoredFields(method, verb as StandardVerb, method.input, plan);
    const item = method.input.fields.find(({ name }) => name === "requests")?.message;
    const itemVerb = verb.replace("Batch", "") as StandardVerb;
    if (item && itemVerb !== verb) refuseIgnoredFields(method, itemVerb, item, plan);
  }
  return found;
}

const VERB = /^(BatchGet|BatchCreate|BatchUpdate|BatchDelete|Get|List|Create|Update|Delete)(.*)$/;

function implementVerb(
  method: DescMethod,
  verb: string,
  noun: string,
  tools: StandardTools,
): StandardFunction | undefined {
  if (method.methodKind !== "unary") return undefined;
  const { desc } = tools.repository.plan;
  const isOfResource = noun === desc.name;
  switch (verb) {
    case "Get":
      return isOfResource && method.output === desc
        ? { implement: getMethod(method, tools) }
        : undefined;
    case "List": {
      const messages = pagingMessages(method.input, method.output, desc);
      // A List with fields of its own, for example a parent, is not answered by all rows.
      const isPlain = method.input.fields.every((field) => LIST_FIELDS.has(field.name));
      return messages && isPlain ? { implement: listMethod(method, messages, tools) } : undefined;
    }
    case "Create":
      return isOfResource ? implementWrite(method, tools, createParser) : undefined;
    case "Update":
      return isOfResource ? implementWrite(method, tools, updateParser) : undefined;
    case "Delete":
      return isOfResource ? implementWrite(method, tools, deleteParser) : undefined;
    case "BatchGet": {
      const items = itemsOf(method.output, desc);
      return items && { implement: batchGetMethod(items, tools) };
    }
    case "BatchCreate":
      return implementBatch(method, tools, `Create${desc.name}Request`, createParser);
    case "BatchUpdate":
      return implementBatch(method, tools, `Update${desc.name}Request`, updateParser);
    case "BatchDelete":
      return implementBatch(method, tools, `Delete${desc.name}Request`, deleteParser);
    default:
      return undefined;
  }
}

const LIST_FIELDS = new Set([
  "page_size",
  "page_token",
  "filter",
  "order_by",
  "skip",
  "read_mask",
  "view",
  "include_total_size",
]);

function implementWrite(
  method: DescMethod,
  tools: StandardTools,
  makeParser: MakeParser,
): StandardFunction | undefined {
  const { plan } = tools.repository;
  const answersIt = method.output === plan.desc || isEmpty(method.output);
  if (!answersIt) return undefined;
  return { implementRaw: writeMethod(tools, makeParser(method.input, plan)) };
}

function implementBatch(
  method: DescMethod,
  tools: StandardTools,
  itemName: string,
  makeParser: MakeParser,
): StandardFunction | undefined {
  const requests = method.input.fields.find(({ name }) => name === "requests");
  if (requests?.fieldKind !== "list" || requests.message?.name !== itemName) return undefined;
  const { plan } = tools.repository;
  const answer = isEmpty(method.output) ? undefined : itemsOf(method.output, plan.desc);
  if (!answer && !isEmpty(method.output)) return undefined;
  const items: Items = { requests, item: requests.message, answer };
  const parser = makeParser(requests.message, plan);
  return { implementRaw: writeBatchMethod(method, items, tools, parser) };
}

function isEmpty(desc: DescMessage): boolean {
  return desc.typeName === EmptySchema.typeName;
}

function itemsOf(response: DescMessage, item: DescMessage): DescField | undefined {
  return response.fields.find((field) => field.fieldKind === "list" && field.message === item);
}
