// The triggers of a resource table and of its child tables, as their migration would write them.

import type { ChildPlan, ResourcePlan } from "../../src/schema/plan.ts";
import { sqlName } from "../../src/schema/sql-name.ts";

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
const OUTSIDE = "(SELECT writing FROM store_state) = 0";
const NEXT = "UPDATE store_state SET revision = revision + 1;";

/** The statements that make the triggers of a resource's tables. */
export function outsideTriggers(plan: ResourcePlan): string {
  const { table, sql } = plan;
  const touch = (rows: string, set: string) => `
    UPDATE ${sql.table} SET wire = NULL, revision = (SELECT revision FROM store_state), ${set}
    WHERE ${sql.key} IN (${rows});`;
  const own = `
  CREATE TRIGGER ${table}_outside_insert AFTER INSERT ON ${sql.table} WHEN ${OUTSIDE}
  BEGIN ${NEXT} ${touch(`NEW.${sql.key}`, `created_at = ${NOW}, updated_at = ${NOW}`)} END;
  CREATE TRIGGER ${table}_outside_update AFTER UPDATE ON ${sql.table}
  WHEN ${OUTSIDE} AND NEW.revision IS OLD.revision
  BEGIN ${NEXT} ${touch(`NEW.${sql.key}`, `updated_at = ${NOW}`)} END;
  CREATE TRIGGER ${table}_delete AFTER DELETE ON ${sql.table}
  BEGIN ${remember(table, sql.key)}
    UPDATE store_state SET revision = revision + 1 WHERE writing = 0; END;`;
  return own + plan.children.map((child) => childTriggers(child, touch)).join("");
}

function childTriggers(
  { table, sql, parentKey }: ChildPlan,
  touch: (rows: string, set: string) => string,
): string {
  const parent = sqlName(parentKey);
  const trigger = (event: string, rows: string) => `
  CREATE TRIGGER ${table}_outside_${event} AFTER ${event} ON ${sql.table} WHEN ${OUTSIDE}
  BEGIN ${NEXT} ${touch(rows, `updated_at = ${NOW}`)} END;`;
  return `${trigger("insert", `NEW.${parent}`)}
  ${trigger("update", `NEW.${parent}, OLD.${parent}`)}
  ${trigger("delete", `OLD.${parent}`)}
  CREATE TRIGGER ${table}_delete AFTER DELETE ON ${sql.table}
  BEGIN ${remember(table, sql.key)} END;`;
}

function remember(table: string, key: string): string {
  return `
    INSERT INTO id_high_water (table_name, last_id) VALUES ('${table}', OLD.${key})
    ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);`;
}
