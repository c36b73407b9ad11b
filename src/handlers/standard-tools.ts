// What the standard methods of all kinds are made of.
// Types only.

import type { Message } from "@bufbuild/protobuf";
import type { Limits } from "../limits.ts";
import type { PageTokens } from "../query/page-token.ts";
import type { ResourceRepository } from "../repositories/resource-repository.ts";
import type { CallContext, Response } from "./handler.ts";
import type { RowFaults } from "./row-faults.ts";

/** A function that answers a unary method. */
export type UnaryFunction = (request: Message, context: CallContext) => Promise<Response>;

/** What standard methods work with. */
export interface StandardTools {
  readonly repository: ResourceRepository;
  readonly limits: Limits;
  readonly faults: RowFaults;
  pageTokens(): Promise<PageTokens>;
}
