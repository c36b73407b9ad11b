// Compares the messages that a server has with those that rows were written as: which fields are new,
// which are lacking, and what would be read as something else. Pure: whether any row still has what
// is in the way is for others to look up.

import type { DescEnum, DescField, DescMessage, FileRegistry } from "@bufbuild/protobuf";
import { hasSpecialJson } from "./json-special.ts";
import { resourceOf, tableOf } from "./options.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "./plan.ts";
import { describeType, placeOf, type StoredPlace } from "./stored-place.ts";

/** What differs between a resource's message and the stored one. */
export interface MessageDifferences {
  readonly plan: ResourcePlan;
  /** On the server but not in the stored descriptors. */
  readonly added: readonly AddedPart[];
  /** In the stored descriptors but not on the server: full names. */
  readonly lacking: readonly string[];
  readonly conflicts: readonly Conflict[];
}

/** A field or a value of an enum that is new, or a type with all that is in it. */
export interface AddedPart {
  readonly subject: string;
  readonly kind: "field" | "value";
  /** The table whose rows, or whose JSON, it is in. */
  readonly table: string;
  readonly column: string | undefined;
}

/** What would be read as something else, or not at all. */
export interface Conflict {
  /** Full name of the field, the value or the message. */
  readonly subject: string;
  readonly reason: string;
  readonly remedy: string;
  /** Where rows have it if there are any that do; absent if no row can be read whatever is in it. */
  readonly leftover?: Leftover;
}

/** What to look for in the rows of a table. */
export type Leftover =
  /** A key of `data`, at any depth, or a word in it; `bytes` if unknown fields may be it as well. */
  | { readonly kind: "json"; readonly table: string; readonly key: string; readonly bytes: boolean }
  | { readonly kind: "column"; readonly table: string; readonly column: string };

/** The differences of one resource; undefined if the stored descriptors have no such resource. */
export function compareResource(
  plan: ResourcePlan,
  stored: FileRegistry,
): MessageDifferences | undefined {
  const before = stored.getMessage(plan.desc.typeName);
  const comparison = new Comparison(plan);
  if (!before || !resourceOf(before) || !tableOf(before)) {
    const other = findTable(stored, plan.table);
    if (!other) return undefined;
    comparison.conflict(plan.desc.typeName, {
      reason: `its table ${plan.table} was that of ${other.typeName}`,
      remedy: "give the message its name back, or another table",
    });
    return comparison.result();
  }
  const table = tableOf(before);
  if (table && table.name.toLowerCase() !== plan.table.toLowerCase()) {
    comparison.conflict(plan.desc.typeName, {
      reason: `was stored in the table ${table.name}, and is in ${plan.table} now`,
      remedy: `rename the table by a migration: ALTER TABLE ${table.name} RENAME TO ${plan.table}`,
      leftover: { kind: "column", table: table.name, column: table.key },
    });
  }
  comparison.messages(plan.desc, before, plan);
  return comparison.result();
}

function findTable(stored: FileRegistry, table: string): DescMessage | undefined {
  for (const type of stored) {
    if (type.kind !== "message" || !resourceOf(type)) continue;
    if (tableOf(type)?.name.toLowerCase() === table.toLowerCase()) return type;
  }
  return undefined;
}

type Type = DescMessage | DescEnum;

/** Goes through the types of one resource, each pair of them once. */
class Comparison {
  readonly #plan: ResourcePlan;
  readonly #added: AddedPart[] = [];
  readonly #lacking: string[] = [];
  readonly #conflicts = new Map<string, Conflict>();
  readonly #seen = new Map<TablePlan, Map<Type, Set<Type>>>();

  constructor(plan: ResourcePlan) {
    this.#plan = plan;
  }

  result(): MessageDifferences {
    const conflicts = [...this.#conflicts.values()];
    return { plan: this.#plan, added: this.#added, lacking: this.#lacking, conflicts };
  }

  conflict(subject: string, conflict: Omit<Conflict, "subject">): void {
    const key = `${conflict.leftover?.table} ${subject}: ${conflict.reason}`;
    if (!this.#conflicts.has(key)) this.#conflicts.set(key, { subject, ...conflict });
  }

  #isNew(own: Type, stored: Type, table: TablePlan): boolean {
    const inTable = this.#seen.get(table) ?? new Map<Type, Set<Type>>();
    this.#seen.set(table, inTable);
    const partners = inTable.get(own) ?? new Set();
    inTable.set(own, partners);
    if (partners.has(stored)) return false;
    partners.add(stored);
    return true;
  }

  /** `table` has the rows, or the JSON, that the messages are in; `isRow` if each is a row. */
  messages(own: DescMessage, stored: DescMessage, table: TablePlan, isRow = true): void {
    if (!this.#isNew(own, stored, table)) return;
    for (const field of own.fields) {
      const before = stored.fields.find(({ number }) => number === field.number);
      if (before) this.#fields(field, before, table, isRow);
      else this.#addField(field, own, stored, table, isRow);
    }
    for (const field of stored.fields) {
      if (own.fields.some(({ number }) => number === field.number)) continue;
      this.#lackField(field, own, table, isRow);
    }
    this.#oneofs(own, stored, table);
  }

  #addField(
    field: DescField,
    own: DescMessage,
    stored: DescMessage,
    table: TablePlan,
    isRow: boolean,
  ): void {
    const place = placeOf(field, isRow);
    const { column } = place;
    this.#added.push({ subject: nameOf(field), kind: "field", table: table.table, column });
    const other = stored.fields.find(({ jsonName }) => jsonName === field.jsonName);
    if (!other || own.fields.some(({ number }) => number === other.number)) return;
    this.conflict(nameOf(field), {
      reason: `has the number ${field.number}, and had ${other.number}`,
      remedy: "give it its number back, or another name",
      ...leftoverOf(placeOf(other, isRow), table),
    });
  }

  #lackField(field: DescField, own: DescMessage, table: TablePlan, isRow: boolean): void {
    const { column } = placeOf(field, isRow);
    const isReserved = own.proto.reservedRange.some(
      ({ start, end }) => field.number >= start && field.number < end,
    );
    if (!isReserved) this.#lacking.push(nameOf(field));
    if (column === undefined) return;
    // As an unknown field it is kept in bytes and JSON; in a column nobody here would look for it.
    this.conflict(nameOf(field), {
      reason: `is not in this server's proto, and rows have it in the column ${column}`,
      remedy: `serve with the proto that has it, or drop the column by a migration: its values are lost then`,
      leftover: { kind: "column", table: table.table, column },
    });
  }

  #fields(own: DescField, stored: DescField, table: TablePlan, isRow: boolean): void {
    const [place, before] = [placeOf(own, isRow), placeOf(stored, isRow)];
    const left = leftoverOf(before, table);
    const [type, typeBefore] = [describeType(own), describeType(stored)];
    if (type !== typeBefore) {
      this.conflict(nameOf(own), {
        reason: `is ${type}, and number ${own.number} was ${typeBefore} ${stored.name}`,
        remedy: "give the new field another number, and reserve this one",
        ...leftoverOf(before, table, true),
      });
      return;
    }
    if (place.text !== before.text) {
      this.conflict(nameOf(own), {
        reason: `is in ${place.text}, and was in ${before.text}`,
        remedy: moveRemedy(place, before, table),
        ...left,
      });
      return;
    }
    if (place.kind === "json" && own.jsonName !== stored.jsonName) {
      this.conflict(nameOf(own), {
        reason: `is "${own.jsonName}" in JSON, and was "${stored.jsonName}"`,
        remedy: `keep the old name there with [json_name = "${stored.jsonName}"], or rename the keys by a migration`,
        ...left,
      });
    }
    if (own.enum && stored.enum && place.kind === "json") {
      this.#enums(own.enum, stored.enum, table);
    }
    if (own.message && stored.message && !hasSpecialJson(own.message)) {
      const child = (table as ResourcePlan).children?.find(({ field }) => field === own);
      const next: TablePlan | ChildPlan = child ?? table;
      this.messages(own.message, stored.message, next, child !== undefined);
    }
  }

  /** JSON has the names of values. */
  #enums(own: DescEnum, stored: DescEnum, table: TablePlan): void {
    if (!this.#isNew(own, stored, table)) return;
    for (const { name, number } of stored.values) {
      const same = own.values.find((value) => value.name === name);
      if (same?.number === number) continue;
      const subject = `${own.typeName}.${name}`;
      const leftover = { kind: "json", table: table.table, key: name, bytes: false } as const;
      if (same) {
        const reason = `is ${same.number}, and was ${number}`;
        const remedy = "give the value its number back";
        this.conflict(subject, { reason, remedy, leftover });
      } else if (own.value[number]) {
        const reason = `is called ${own.value[number].name} now`;
        const remedy = "keep the old name as an alias (allow_alias), behind the new one";
        this.conflict(subject, { reason, remedy, leftover });
      } else {
        this.#lacking.push(subject);
      }
    }
    for (const { name, number } of own.values) {
      if (stored.value[number]) continue;
      const subject = `${own.typeName}.${name}`;
      this.#added.push({ subject, kind: "value", table: table.table, column: undefined });
    }
  }

  /** Of fields that share a oneof only one can be set: rows may have more if they did not. */
  #oneofs(own: DescMessage, stored: DescMessage, table: TablePlan): void {
    for (const oneof of own.oneofs) {
      const before = oneof.fields.flatMap(
        ({ number }) => stored.fields.find((field) => field.number === number) ?? [],
      );
      const [first, ...others] = before;
      const second = others.find((field) => !first?.oneof || field.oneof !== first.oneof);
      if (!first || !second) continue;
      this.conflict(`${own.typeName}.${oneof.name}`, {
        reason: `makes a oneof of ${first.name} and ${second.name}, which rows may have together`,
        remedy: "leave the fields outside of the oneof",
        leftover: { kind: "json", table: table.table, key: second.jsonName, bytes: true },
      });
    }
  }
}

/** Nothing can be looked for where the service itself keeps a field. */
function leftoverOf(
  { kind, key, column }: StoredPlace,
  { table }: TablePlan,
  bytes = false,
): { leftover?: Leftover } {
  if (kind === "json") return { leftover: { kind, table, key, bytes } };
  if (column === undefined) return {};
  return { leftover: { kind: "column", table, column } };
}

function moveRemedy(place: StoredPlace, before: StoredPlace, { sql }: TablePlan): string {
  if (place.kind === "column" && before.kind === "json") {
    return (
      `put it back, or move the values by a migration: UPDATE ${sql.table} SET ${place.column} = ` +
      `data ->> '$.${before.key}', data = json_remove(data, '$.${before.key}')`
    );
  }
  if (place.kind === "json" && before.kind === "column") {
    return `put it back, or move the values into data by a migration, and drop the column ${before.column}`;
  }
  if (place.kind === "column" && before.kind === "column") {
    return `put it back, or rename the column by a migration: ALTER TABLE ${sql.table} RENAME COLUMN ${before.column} TO ${place.column}`;
  }
  return "put it back";
}

function nameOf(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}
