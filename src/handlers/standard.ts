// The standard methods (AIP-131 to AIP-135) and their batches (AIP-231 to AIP-235) of any service,
// recognised by their shape and answered from descriptors alone.

import type { DescField, DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { Limits } from "../config.ts";
import type { PageTokens } from "../query/page-token.ts";
import type { ResourceRepository } from "../repositories/resource-repository.ts";
import type { CallContext, Response } from "./handler.ts";
import { pagingMessages } from "./paging.ts";
import { batchGetMethod, getMethod, listMethod } from "./standard-read.ts";
import { type Items, writeBatchMethod, writeMethod } from "./standard-write.ts";
import { parseCreate, parseDelete, parseUpdate } from "./write-requests.ts";

/** A function that answers a unary method. */
export type UnaryFunction = (request: Message, context: CallContext) => Promise<Response>;

/** What standard methods work with. */
export interface StandardTools {
  readonly repository: ResourceRepository;
  readonly limits: Limits;
  pageTokens(): Promise<PageTokens>;
}

/** The function that answers `method` if it is a standard method of the repository's resource. */
export function implementStandard(
  method: DescMethod,
  tools: StandardTools,
): UnaryFunction | undefined {
  if (method.methodKind !== "unary") return undefined;
  const verb = /^(BatchGet|BatchCreate|BatchUpdate|BatchDelete|Get|List|Create|Update|Delete)(.*)$/;
  const [, name = "", noun = ""] = verb.exec(method.name) ?? [];
  const { desc } = tools.repository.plan;
  const isOfResource = noun === desc.name;
  switch (name) {
    case "Get":
      return isOfResource && method.output === desc ? getMethod(method, tools) : undefined;
    case "List": {
      const messages = pagingMessages(method.input, method.output, desc);
      // A List with fields of its own, for example a parent, is not answered by all rows.
      const isPlain = method.input.fields.every((field) => LIST_FIELDS.has(field.name));
      return messages && isPlain ? listMethod(method, messages, tools) : undefined;
    }
    case "Create":
      return isOfResource ? implementWrite(method, tools, parseCreate) : undefined;
    case "Update":
      return isOfResource ? implementWrite(method, tools, parseUpdate) : undefined;
    case "Delete":
      return isOfResource ? implementWrite(method, tools, parseDelete) : undefined;
    case "BatchGet": {
      const items = itemsOf(method.output, desc);
      return items && batchGetMethod(items, tools);
    }
    case "BatchCreate":
      return implementBatch(method, tools, `Create${desc.name}Request`, parseCreate);
    case "BatchUpdate":
      return implementBatch(method, tools, `Update${desc.name}Request`, parseUpdate);
    case "BatchDelete":
      return implementBatch(method, tools, `Delete${desc.name}Request`, parseDelete);
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

type Parse = Parameters<typeof writeMethod>[2];

function implementWrite(
  method: DescMethod,
  tools: StandardTools,
  parse: Parse,
): UnaryFunction | undefined {
  const { desc } = tools.repository.plan;
  const answersIt = method.output === desc || isEmpty(method.output);
  return answersIt ? writeMethod(method, tools, parse) : undefined;
}

function implementBatch(
  method: DescMethod,
  tools: StandardTools,
  itemName: string,
  parse: Parse,
): UnaryFunction | undefined {
  const requests = method.input.fields.find(({ name }) => name === "requests");
  if (requests?.fieldKind !== "list" || requests.message?.name !== itemName) return undefined;
  const answer = isEmpty(method.output)
    ? undefined
    : itemsOf(method.output, tools.repository.plan.desc);
  if (!answer && !isEmpty(method.output)) return undefined;
  const items: Items = { requests, item: requests.message, answer };
  return writeBatchMethod(method, items, tools, parse);
}

function isEmpty(desc: DescMessage): boolean {
  return desc.typeName === EmptySchema.typeName;
}

function itemsOf(response: DescMessage, item: DescMessage): DescField | undefined {
  return response.fields.find((field) => field.fieldKind === "list" && field.message === item);
}
