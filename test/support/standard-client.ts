// The standard methods of any resource's service, called by what they are and not by their names.

import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { Connection } from "../../src/client/client.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";

type Method = (request: object) => Promise<Message>;

/** The standard methods of one resource. */
export interface StandardClient {
  /** Where the resource is in a Create request, for example `artist`. */
  readonly path: string;
  get(name: string): Promise<Message>;
  create(message: Message): Promise<Message>;
  update(message: Message, mask: readonly string[] | undefined): Promise<Message>;
  delete(name: string): Promise<Message>;
  /** Every resource, page by page. */
  listAll(pageSize: number, query?: { readonly filter: string }): Promise<Message[]>;
}

/** The client of the service that has the standard methods of the plan's resource. */
export function standardClient(
  connection: Connection,
  service: DescService,
  plan: ResourcePlan,
): StandardClient {
  const methods = connection.service(
    service as unknown as GenService<GenServiceMethods>,
  ) as unknown as Readonly<Record<string, Method>>;
  const find = (prefix: string) => {
    const method = service.methods.find(
      ({ name }) => name === `${prefix}${plan.desc.name}`,
    ) as DescMethodUnary;
    return { call: methods[method.localName] as Method, input: method.input };
  };
  const [get, create, update, remove] = ["Get", "Create", "Update", "Delete"].map(find) as [
    ReturnType<typeof find>,
    ReturnType<typeof find>,
    ReturnType<typeof find>,
    ReturnType<typeof find>,
  ];
  const resourceField = create.input.fields.find(({ message }) => message === plan.desc);
  if (!resourceField) throw new Error(`${create.input.typeName} has no ${plan.desc.name}`);
  const list = service.methods.find(
    ({ name, input }) =>
      name.startsWith("List") && !input.fields.some((field) => field.name === "parent"),
  ) as DescMethodUnary;
  const items = list.output.fields.find(({ message }) => message === plan.desc);
  return {
    path: resourceField.name,
    get: (name) => get.call({ name }),
    create: (message) => create.call({ [resourceField.localName]: message }),
    update: (message, mask) =>
      update.call({
        [resourceField.localName]: message,
        ...(mask && { updateMask: { paths: [...mask] } }),
      }),
    delete: (name) => remove.call({ name }),
    async listAll(pageSize, query) {
      const all: Message[] = [];
      let pageToken = "";
      do {
        const call = methods[list.localName] as Method;
        const page = (await call({ pageSize, pageToken, ...query })) as Message & {
          nextPageToken: string;
          [items: string]: unknown;
        };
        all.push(...(page[items?.localName ?? ""] as Message[]));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return all;
    },
  };
}
