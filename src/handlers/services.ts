// Puts services together: each declared method gets the function written for it by hand, else the
// standard one. A method that has neither stops the boot.

import type { DescMessage, DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import type { Limits } from "../config.ts";
import type { Database } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import { createPageTokens, type PageTokens } from "../query/page-token.ts";
import { createRepository, type ResourceRepository } from "../repositories/resource-repository.ts";
import type { ResourceDefinition, ResourcePlan } from "../schema/plan.ts";
import type { Handler, Service } from "./handler.ts";
import { createRowFaults, type RowFaults } from "./row-faults.ts";
import { implementStandard } from "./standard.ts";

/** What handlers work with. */
export interface HandlerTools {
  readonly database: Database;
  readonly registry: Registry;
  readonly limits: Limits;
  /** What becomes of rows that cannot be answered with. */
  readonly faults: RowFaults;
  /** The page tokens of the database; their key is read when the first one is needed. */
  pageTokens(): Promise<PageTokens>;
  /** The repository of each resource. */
  readonly repositories: readonly ResourceRepository[];
  /** The repository of the resource with this message. */
  repositoryOf(desc: DescMessage): ResourceRepository;
}

/** Functions written by hand, by `DescMethod.localName`. */
export type OwnMethods = Readonly<Record<string, unknown>>;

/** Makes the functions of methods that are written by hand. */
export type MakeOwnMethods = (tools: HandlerTools) => OwnMethods;

/** A resource and the service whose standard methods are of it. */
export interface ResourceService extends ResourceDefinition {
  readonly service: DescService;
  /** The methods that are not answered from descriptors alone. */
  readonly own?: MakeOwnMethods;
}

/** A service without a resource: all of its methods are written by hand. */
export interface OwnService {
  readonly service: DescService;
  readonly own: MakeOwnMethods;
}

/** The tools over the plans of all resources. */
export function createHandlerTools(
  database: Database,
  plans: readonly ResourcePlan[],
  registry: Registry,
  limits: Limits,
  faults: RowFaults = createRowFaults(false),
): HandlerTools {
  let tokens: Promise<PageTokens> | undefined;
  const repositories = new Map(
    plans.map((plan) => [plan.desc, createRepository(database, plan, limits)]),
  );
  return {
    database,
    registry,
    limits,
    faults,
    repositories: [...repositories.values()],
    pageTokens() {
      tokens ??= database.secret("page_token").then(createPageTokens);
      // A database that could not be read may be read the next time.
      tokens.catch(() => {
        tokens = undefined;
      });
      return tokens;
    },
    repositoryOf(desc) {
      const repository = repositories.get(desc);
      if (!repository) throw new StoreError("INVALID_PLAN", `${desc.typeName} is not served`);
      return repository;
    },
  };
}

/**
 * The service with a handler for each of its methods.
 * @throws StoreError INVALID_PLAN, naming the method that nothing implements.
 */
export function assembleService(entry: ResourceService | OwnService, tools: HandlerTools): Service {
  const own = entry.own?.(tools) ?? {};
  const standard = "resource" in entry && {
    ...tools,
    repository: tools.repositoryOf(entry.resource),
  };
  const handlers = entry.service.methods.map((method) => {
    const implement = own[method.localName];
    const functions = implement ? { implement } : standard && implementStandard(method, standard);
    if (!functions) throw unimplemented(method);
    return { kind: method.methodKind, method, ...functions };
  });
  return { desc: entry.service, handlers: handlers as unknown as Handler[] };
}

function unimplemented(method: DescMethod): StoreError {
  const subject = `${method.parent.typeName}.${method.name}`;
  const reason = "is no standard method of the service's resource and has no handler";
  return new StoreError("INVALID_PLAN", `${subject}: ${reason}`);
}
