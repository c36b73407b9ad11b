// Puts services together: each declared method gets the function written for it by hand, else the
// standard one. A method that has neither stops the boot.

import type { DescMessage, DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { Database } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { createPageTokens, type PageTokens } from "../query/page-token.ts";
import { createRepository, type ResourceRepository } from "../repositories/resource-repository.ts";
import type { ResourceDefinition, ResourcePlan } from "../schema/plan.ts";
import {
  type AnyImplementation,
  type Handler,
  type Implementations,
  type Service,
  toHandler,
} from "./handler.ts";
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

/** A resource and the service whose standard methods are of it. */
export interface ResourceService extends ResourceDefinition {
  readonly service: DescService;
}

/** The methods of a service that are written by hand: all of them, or those that are not standard. */
export interface OwnMethods {
  readonly service: DescService;
  /** The functions, by `DescMethod.localName`. */
  readonly make: (tools: HandlerTools) => Readonly<Record<string, AnyImplementation>>;
}

/** The methods of `service` that `make` has functions for. */
export function implement<S extends GenServiceMethods>(
  service: GenService<S>,
  make: (tools: HandlerTools) => Partial<Implementations<S>>,
): OwnMethods {
  return { service, make: make as OwnMethods["make"] };
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
 * Every service with a handler for each of its methods.
 * @throws StoreError INVALID_PLAN, naming the method that nothing implements.
 */
export function assembleServices(
  resources: readonly ResourceService[],
  own: readonly OwnMethods[],
  tools: HandlerTools,
): readonly Service[] {
  const services = new Set([...resources, ...own].map(({ service }) => service));
  return [...services].map((desc) => {
    const written = own.find(({ service }) => service === desc)?.make(tools) ?? {};
    const resource = resources.find(({ service }) => service === desc)?.resource;
    const standard = resource && { ...tools, repository: tools.repositoryOf(resource) };
    const handlers = desc.methods.map((method) => {
      const implement = written[method.localName];
      if (implement) return toHandler(method, implement);
      const functions = standard && implementStandard(method, standard);
      if (!functions) throw unimplemented(method);
      return { kind: method.methodKind, method, ...functions } as Handler;
    });
    return { desc, handlers };
  });
}

function unimplemented(method: DescMethod): StoreError {
  const subject = `${method.parent.typeName}.${method.name}`;
  const reason = "is no standard method of the service's resource and has no handler";
  return new StoreError("INVALID_PLAN", `${subject}: ${reason}`);
}
