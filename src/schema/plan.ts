// Plans: what the options of a message say about its table, read once at boot.
// A wrong option stops the boot with the message, the field and the reason. Knows no database.

import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { StoreError } from "../errors.ts";
import {
  columnOf,
  FieldBehavior,
  hasBehavior,
  referenceOf,
  resourceOf,
  tableOf,
} from "./options.ts";
import { collectionOf, type ResourceType } from "./resource-name.ts";
import { sqlName } from "./sql-name.ts";
import type { TimeFormat } from "./time-format.ts";
import { columnForm } from "./types/all-kinds.ts";
import type { ColumnCodec } from "./types/column-codec.ts";
import type { CodecOptions, ColumnForm } from "./types/kind.ts";

/** A field that has a column of its own. */
export interface ColumnPlan {
  readonly field: DescField;
  readonly name: string;
  /** The name as it stands in SQL text. */
  readonly sqlName: string;
  readonly codec: ColumnCodec;
  /** The most characters of a string; 0 is unlimited. */
  readonly maxLength: number;
  /** What Create stores for zero; 0n if nothing else. */
  readonly defaultValue: bigint;
  /** How the column of a Timestamp counts time; not stated if it is text. */
  readonly timeFormat: TimeFormat;
  /** The kind of resource that the field refers to, if it does. */
  readonly reference: ResourceType | undefined;
}

/** A message and the table that stores it. */
export interface TablePlan {
  readonly desc: DescMessage;
  readonly table: string;
  /** The INTEGER PRIMARY KEY column. */
  readonly key: string;
  /** Table and key as they stand in SQL text. */
  readonly sql: { readonly table: string; readonly key: string };
  readonly columns: readonly ColumnPlan[];
  /** The fields that live in the JSON column. */
  readonly dataFields: readonly DescField[];
}

/** A repeated field whose messages are rows of a child table. */
export interface ChildPlan extends TablePlan {
  readonly field: DescField & { fieldKind: "list"; listKind: "message" };
  /** The column that holds the parent's key. */
  readonly parentKey: string;
  /** The integer field that holds the row's own key. */
  readonly keyField: DescField & { fieldKind: "scalar" };
}

/** A resource and the table that stores it. */
export interface ResourcePlan extends TablePlan {
  readonly resource: ResourceType;
  /** The fields that the service itself fills, from the row's key, revision and times. */
  readonly standard: StandardFields;
  readonly children: readonly ChildPlan[];
  readonly derive: Derive | undefined;
  readonly links: readonly LinkTable[];
  /** The triggers of the table beside those that every resource table has. */
  readonly triggers: OwnTriggers;
  /** The paths of the fields that an index is to serve. */
  readonly indexedFields: readonly string[];
}

/** The names of triggers, by the kind of database. */
export interface OwnTriggers {
  readonly sqlite: readonly string[];
  readonly postgres: readonly string[];
}

/** A table without messages whose rows refer to a resource, such as the books on a shelf. */
export interface LinkTable {
  readonly table: string;
  /** The column that holds the resource's key. */
  readonly column: string;
  /** Whether its rows go with the resource always, or only if that is forced. */
  readonly deletes: "always" | "forced";
}

/**
 * Fills the OUTPUT_ONLY fields that follow from others, in a message that is about to be stored;
 * `previous` is the message that it replaces.
 */
export type Derive = (message: Message, previous: Message | undefined) => void;

export interface ResourceDefinition {
  readonly resource: DescMessage;
  readonly derive?: Derive;
  readonly links?: readonly LinkTable[];
  readonly triggers?: OwnTriggers;
}

/** The standard fields of a resource (AIP-148, AIP-154). */
export interface StandardFields {
  readonly name: DescField;
  readonly createTime: DescField;
  readonly updateTime: DescField;
  readonly etag: DescField;
}

/**
 * The plans of all the resources that a server has.
 * @throws StoreError INVALID_PLAN, naming message, field and reason.
 */
export function planResources(definitions: readonly ResourceDefinition[]): readonly ResourcePlan[] {
  const types = new Map<string, ResourceType>();
  const tables = new Map<string, DescMessage>();
  for (const { resource: desc } of definitions) {
    const type = planResourceType(desc);
    if (types.has(type.type)) throw invalidPlan(desc, `type ${type.type} is used twice`);
    types.set(type.type, type);
  }
  const plans = definitions.map((definition) => planResource(definition, types));
  for (const { desc, table } of plans.flatMap((plan) => [plan, ...plan.children])) {
    const other = tables.get(table.toLowerCase());
    if (other) throw invalidPlan(desc, `table ${table} is ${other.typeName}'s already`);
    tables.set(table.toLowerCase(), desc);
  }
  return plans;
}

function planResourceType(desc: DescMessage): ResourceType {
  const resource = resourceOf(desc);
  if (!resource?.type) throw invalidPlan(desc, "has no google.api.resource with a type");
  const collection = collectionOf(resource.pattern[0] ?? "");
  if (resource.pattern.length !== 1 || !collection) {
    throw invalidPlan(desc, "must have one pattern, of the form `collection/{id}`");
  }
  return { type: resource.type, collection };
}

const NO_TRIGGERS: OwnTriggers = { sqlite: [], postgres: [] };

function planResource(
  { resource: desc, derive, links = [], triggers = NO_TRIGGERS }: ResourceDefinition,
  types: ReadonlyMap<string, ResourceType>,
): ResourcePlan {
  const options = tableOf(desc);
  if (!options) throw invalidPlan(desc, "has no (protostore.v1.table)");
  if (options.parentKey) throw invalidPlan(desc, "is a resource and cannot have a parent_key");
  refuseServiceFields(desc);
  const standard = planStandardFields(desc);
  const children = desc.fields.filter(isChildField).map((field) => planChild(field, types));
  const taken = new Set<DescField>([
    ...Object.values(standard),
    ...children.map((child) => child.field),
  ]);
  return {
    ...planTable(desc, options, taken, types),
    resource: types.get(resourceOf(desc)?.type ?? "") as ResourceType,
    standard,
    children,
    derive,
    links,
    triggers,
    indexedFields: options.indexedFields,
  };
}

function planStandardFields(desc: DescMessage): StandardFields {
  const find = (name: string, type: string): DescField => {
    const field = desc.fields.find((candidate) => candidate.name === name);
    if (!field || typeOf(field) !== type || columnOf(field)) {
      throw invalidPlan(desc, `must have a field \`${type} ${name}\` without a column`);
    }
    return field;
  };
  return {
    name: find("name", "string"),
    createTime: find("create_time", "google.protobuf.Timestamp"),
    updateTime: find("update_time", "google.protobuf.Timestamp"),
    etag: find("etag", "string"),
  };
}

/** What AIP-148 gives to the service, and this one does not do. */
const NOT_FILLED = ["uid", "delete_time", "purge_time"];

/**
 * A client could not tell that they mean nothing. An `expire_time` may be the client's own to set
 * (AIP-214): it is refused only if the proto says that the service fills it.
 */
function refuseServiceFields(desc: DescMessage): void {
  const field = desc.fields.find(
    (candidate) =>
      NOT_FILLED.includes(candidate.name) ||
      (candidate.name === "expire_time" && hasBehavior(candidate, FieldBehavior.OUTPUT_ONLY)),
  );
  if (field) throw invalidPlan(desc, "is not supported: nothing here would fill it", field);
}

function typeOf(field: DescField): string | undefined {
  if (field.fieldKind === "message") return field.message.typeName;
  return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING ? "string" : undefined;
}

function isChildField(field: DescField): field is ChildPlan["field"] {
  return (
    field.fieldKind === "list" && field.listKind === "message" && Boolean(tableOf(field.message))
  );
}

function planChild(field: ChildPlan["field"], types: ReadonlyMap<string, ResourceType>): ChildPlan {
  const desc = field.message;
  const options = tableOf(desc);
  if (!options?.parentKey) throw invalidPlan(desc, `is ${field} and must have a parent_key`);
  const keyField = desc.fields.find((candidate) => columnOf(candidate)?.name === options.key);
  if (keyField?.fieldKind !== "scalar" || keyField.scalar !== ScalarType.INT64) {
    throw invalidPlan(desc, `must have an int64 field for its key column ${options.key}`);
  }
  return {
    ...planTable(desc, options, new Set([keyField]), types),
    field,
    parentKey: options.parentKey,
    keyField,
  };
}

function planTable(
  desc: DescMessage,
  options: { name: string; key: string },
  taken: ReadonlySet<DescField>,
  types: ReadonlyMap<string, ResourceType>,
): TablePlan {
  for (const [option, value] of [
    ["name", options.name],
    ["key", options.key],
  ] as const) {
    if (!isIdentifier(value)) throw invalidPlan(desc, `table.${option} must be an identifier`);
  }
  if (isStoreTable(options.name)) {
    throw invalidPlan(desc, `table.name ${options.name} is taken by the store or by SQLite`);
  }
  const fields = desc.fields.filter((field) => !taken.has(field));
  const columns = fields.filter(columnOf).map((field) => planColumn(field, types));
  const names = new Set([...SYSTEM_COLUMNS, options.key].map((name) => name.toLowerCase()));
  for (const { field, name } of columns) {
    if (names.has(name.toLowerCase())) {
      throw invalidPlan(desc, `column ${name} is taken already`, field);
    }
    names.add(name.toLowerCase());
  }
  const dataFields = fields.filter((field) => !columnOf(field));
  const unnamed = dataFields.find((field) => field.jsonName.startsWith("$"));
  if (unnamed) throw invalidPlan(desc, "a JSON name must not begin with $", unnamed);
  const { name: table, key } = options;
  const sql = { table: sqlName(table), key: sqlName(key) };
  return { desc, table, key, sql, columns, dataFields };
}

function planColumn(field: DescField, types: ReadonlyMap<string, ResourceType>): ColumnPlan {
  const desc = field.parent;
  const options = columnOf(field);
  if (!options || !isIdentifier(options.name)) {
    throw invalidPlan(desc, "column.name must be an identifier", field);
  }
  if (field.oneof) throw invalidPlan(desc, "a member of a oneof cannot be a column", field);
  const referenceType = referenceOf(field);
  const reference = referenceType === undefined ? undefined : types.get(referenceType);
  if (referenceType !== undefined && !reference) {
    throw invalidPlan(desc, `refers to ${referenceType}, which is not served`, field);
  }
  const form = columnForm(field);
  checkColumnOptions(field, form, { ...options, reference });
  if (!form) throw invalidPlan(desc, "a field of this type cannot be a column", field);
  const codec = form.codec({ ...options, reference });
  const { name, maxLength, defaultValue, timeFormat } = options;
  const kept = { name, sqlName: sqlName(name), codec, maxLength, defaultValue, timeFormat };
  return { field, ...kept, reference };
}

function checkColumnOptions(
  field: DescField,
  form: ColumnForm | undefined,
  options: CodecOptions & { readonly defaultValue: bigint },
): void {
  const takes = (option: ColumnForm["option"]) => form?.option === option;
  const isText = takes("max_length") && !options.reference;
  if (options.maxLength !== 0 && (!isText || options.maxLength < 0)) {
    throw invalidPlan(field.parent, "column.max_length is for strings, and positive", field);
  }
  const isMoney = takes("currency_code");
  if (isMoney ? !/^[A-Z]{3}$/.test(options.currencyCode) : options.currencyCode !== "") {
    throw invalidPlan(field.parent, "column.currency_code is for Money, which needs it", field);
  }
  if (options.timeFormat && !takes("time_format")) {
    throw invalidPlan(field.parent, "column.time_format is for Timestamps", field);
  }
  if (options.defaultValue !== 0n && !takes("default_value")) {
    throw invalidPlan(field.parent, "column.default_value is for enums", field);
  }
  if (hasBehavior(field, FieldBehavior.IDENTIFIER)) {
    throw invalidPlan(field.parent, "an IDENTIFIER cannot be a column", field);
  }
}

/** The columns that every resource table has beside the fields' own. */
export const SYSTEM_COLUMNS = [
  "data",
  "wire",
  "revision",
  "created_at",
  "updated_at",
  "checksum",
] as const;

/** The store's own tables, and names that its statements give to functions and subqueries. */
const RESERVED_TABLE =
  /^(?:sqlite(?:_.*)?|pragma_.*|json_(?:each|tree)|e\d+|store_(?:state|secrets|replaced|migrations|copy)|id_high_water|completed_requests|stored_schemas|schema_(?:state|migrations|migrations_log))$/i;

/** True for a table that no resource can have. */
export function isStoreTable(name: string): boolean {
  return RESERVED_TABLE.test(name);
}

/** Names from options become part of SQL text, so nothing but plain identifiers is let through. */
function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name);
}

function invalidPlan(desc: DescMessage, reason: string, field?: DescField): StoreError {
  const subject = field ? `${desc.typeName}.${field.name}` : desc.typeName;
  return new StoreError("INVALID_PLAN", `${subject}: ${reason}`);
}
