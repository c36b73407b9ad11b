// The standard methods of one resource, called by what they are and not by their names. Remembers
// what it created, to delete it, and every error, for the law about errors.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type Connection, RpcError } from "../src/client/client.ts";
import { Code } from "./codes.ts";
import { fieldOf, type Resource, type Verb } from "./discover.ts";
import type { MessageMaker } from "./random.ts";
import type { Random } from "./seeded.ts";
import { violationsOf } from "./violations.ts";

/** The fields of a request beside those that its method always has, by their local names. */
export type Extra = Readonly<Record<string, unknown>>;

/** A page of a List. */
export interface ListPage {
  readonly items: readonly Message[];
  readonly nextPageToken: string;
  readonly totalSize: number | undefined;
}

/** What a client works with. */
export interface ClientSources {
  readonly connection: Connection;
  readonly resource: Resource;
  readonly random: Random;
  readonly maker: MessageMaker;
  /** The parent of all its resources, if they have one. */
  readonly parent: string | undefined;
  /** The clients of the other resources. */
  readonly others: () => readonly ResourceClient[];
}

type Call = (request: object) => Promise<Message>;

const ATTEMPTS = 100;
/** The resources in a row that a server must accept before random ones are trusted. */
const CALIBRATIONS = 10;

/** The client of one resource. */
export class ResourceClient {
  readonly resource: Resource;
  readonly random: Random;
  readonly maker: MessageMaker;
  readonly others: () => readonly ResourceClient[];
  /** Every error that the server answered with, and the method. */
  readonly errors: { readonly method: string; readonly error: RpcError }[] = [];
  readonly #connection: Connection;
  readonly #parent: string | undefined;
  #isCalibrated = false;
  readonly #created = new Set<string>();

  constructor({ connection, resource, random, maker, parent, others }: ClientSources) {
    this.#connection = connection;
    this.#parent = parent;
    this.resource = resource;
    this.random = random;
    this.maker = maker;
    this.others = others;
  }

  /** The name of a resource. */
  nameOf(message: Message): string {
    return reflect(this.resource.desc, message).get(this.resource.name) as string;
  }

  /** The etag of a resource; empty if it has none. */
  etagOf(message: Message): string {
    const { desc, etag } = this.resource;
    return etag ? (reflect(desc, message).get(etag) as string) : "";
  }

  /** The same message with this name and, if it is given, this etag. */
  named(message: Message, name: string, etag = ""): Message {
    const { desc, name: nameField, etag: etagField } = this.resource;
    const target = reflect(desc, message);
    target.set(nameField, name);
    if (etagField) target.set(etagField, etag);
    return message;
  }

  /** The field of Create's request that holds a chosen id, by its local name. */
  get idField(): string | undefined {
    const shape = this.resource.methods.Create;
    return shape?.resource && shape.fields.get(`${shape.resource.name}_id`)?.localName;
  }

  /** An id that no resource has; like those that there are. */
  newId(): string {
    const isNumber = [...this.#created, ...this.maker.sampleNames].every((name) =>
      /\/\d+$/.test(name),
    );
    if (isNumber) return String(1_000_000_000 + this.random.below(1_000_000_000));
    return `conformance-${this.random.below(1_000_000_000)}`;
  }

  /** The name of a resource with this id. */
  nameWithId(id: string): string {
    const [sample] = [...this.#created, ...this.maker.sampleNames];
    return (sample ?? this.resource.pattern).replace(/[^/]*$/, id);
  }

  /** Calls a standard method with a request as it is. */
  async call(verb: Verb, request: object): Promise<Message> {
    const shape = this.resource.methods[verb];
    if (!shape) throw new Error(`${this.resource.type} has no ${verb}`);
    const { method } = shape;
    const service = method.parent as unknown as GenService<GenServiceMethods>;
    const calls = this.#connection.service(service) as unknown as Readonly<Record<string, Call>>;
    const call = calls[method.localName] as Call;
    try {
      return await call(request);
    } catch (error) {
      if (error instanceof RpcError) this.errors.push({ method: method.name, error });
      throw error;
    }
  }

  get(name: string, extra: Extra = {}): Promise<Message> {
    return this.call("Get", { name, ...extra });
  }

  async list(request: Extra = {}): Promise<ListPage> {
    const shape = this.resource.methods.List;
    const response = await this.call("List", { ...this.#parentOf("List"), ...request });
    const desc = shape?.method.output as DescMessage;
    const total = fieldOf(desc, "total_size");
    return {
      items: this.#items("List", response),
      nextPageToken: (response as Message & { nextPageToken: string }).nextPageToken,
      totalSize: total && (reflect(desc, response).get(total) as number),
    };
  }

  /** How many resources there are. */
  async count(): Promise<number> {
    const counts = this.resource.methods.List?.fields.has("include_total_size");
    if (!counts) return (await this.listAll()).length;
    return (await this.list({ pageSize: 1, includeTotalSize: true })).totalSize ?? 0;
  }

  /** The resources of all pages, or of as many as there are `limit` resources in. */
  async listAll(
    request: Extra = {},
    pageSize = 1000,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<readonly Message[]> {
    const all: Message[] = [];
    let pageToken = "";
    do {
      const page = await this.list({ ...request, pageSize, pageToken });
      all.push(...page.items);
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && all.length < limit);
    return all;
  }

  async create(message: Message, extra: Extra = {}): Promise<Message> {
    const request = this.createRequest(message, extra);
    return this.#remember(await this.call("Create", request), extra);
  }

  /** Creates a random resource; learns what to leave out until the server accepts it. */
  async createNew(full = false): Promise<Message> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.create(this.maker.make(full));
      } catch (error) {
        if (!(error instanceof RpcError) || attempt === ATTEMPTS || !this.#learn(error))
          throw error;
      }
    }
  }

  /** Creates until the server's refusals have taught what it accepts; does it once. */
  async calibrate(): Promise<void> {
    if (this.#isCalibrated || !this.resource.methods.Create) return;
    this.#isCalibrated = true;
    for (let inARow = 0; inARow < CALIBRATIONS; inARow++) {
      const before = this.maker.learned.join();
      await this.createNew(inARow % 2 === 0);
      if (this.maker.learned.join() !== before) inARow = -1;
    }
  }

  async update(
    message: Message,
    mask: readonly string[] | undefined,
    extra: Extra = {},
  ): Promise<Message> {
    const request = this.updateRequest(message, mask, extra);
    return this.#remember(await this.call("Update", request), extra);
  }

  async delete(name: string, extra: Extra = {}): Promise<void> {
    await this.call("Delete", { name, ...extra });
    if (extra.validateOnly !== true) this.#created.delete(name);
  }

  async batchGet(names: readonly string[], extra: Extra = {}): Promise<readonly Message[]> {
    const request = { ...this.#parentOf("BatchGet"), names: [...names], ...extra };
    return this.#items("BatchGet", await this.call("BatchGet", request));
  }

  async batchCreate(requests: readonly object[], extra: Extra = {}): Promise<readonly Message[]> {
    const request = { ...this.#parentOf("BatchCreate"), requests: [...requests], ...extra };
    const response = await this.call("BatchCreate", request);
    return this.#items("BatchCreate", response).map((each) => this.#remember(each, extra));
  }

  async batchUpdate(requests: readonly object[], extra: Extra = {}): Promise<readonly Message[]> {
    const request = { ...this.#parentOf("BatchUpdate"), requests: [...requests], ...extra };
    const response = await this.call("BatchUpdate", request);
    return this.#items("BatchUpdate", response).map((each) => this.#remember(each, extra));
  }

  async batchDelete(requests: readonly object[], extra: Extra = {}): Promise<void> {
    const request = { ...this.#parentOf("BatchDelete"), requests: [...requests], ...extra };
    await this.call("BatchDelete", request);
  }

  /** A request of Create, alone or in a batch. */
  createRequest(message: Message, extra: Extra = {}): object {
    const field = this.resource.methods.Create?.resource;
    return { ...this.#parentOf("Create"), [field?.localName ?? ""]: message, ...extra };
  }

  /** A request of Update, alone or in a batch. */
  updateRequest(message: Message, mask: readonly string[] | undefined, extra: Extra = {}): object {
    const field = this.resource.methods.Update?.resource;
    const updateMask = mask && { updateMask: { paths: [...mask] } };
    return { [field?.localName ?? ""]: message, ...updateMask, ...extra };
  }

  /** Deletes everything that was created and is still there. */
  async cleanUp(): Promise<void> {
    const force = this.resource.methods.Delete?.fields.has("force") ? { force: true } : {};
    for (const name of [...this.#created].reverse()) {
      try {
        await this.delete(name, force);
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== Code.NOT_FOUND) throw error;
        this.#created.delete(name);
      }
    }
  }

  #parentOf(verb: Verb): { parent?: string } {
    const takes = this.resource.methods[verb]?.fields.has("parent");
    return takes && this.#parent !== undefined ? { parent: this.#parent } : {};
  }

  #items(verb: Verb, response: Message): readonly Message[] {
    const { items } = this.resource.methods[verb] ?? {};
    return (response as Message & Record<string, unknown>)[items?.localName ?? ""] as Message[];
  }

  #remember(message: Message, extra: Extra): Message {
    if (extra.validateOnly !== true) this.#created.add(this.nameOf(message));
    return message;
  }

  #learn(error: RpcError): boolean {
    // A value that must be unique: the next one is another.
    if (error.code === Code.ALREADY_EXISTS) return true;
    const prefix = `${this.resource.methods.Create?.resource?.name}.`;
    const paths = violationsOf(error)
      .map(({ field }) => field.replace(/\[[^\]]*\]/g, ""))
      .filter((field) => field.startsWith(prefix));
    return paths.filter((path) => this.maker.learn(path.slice(prefix.length))).length > 0;
  }
}
