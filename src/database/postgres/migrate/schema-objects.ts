// Reads what a PostgreSQL database has, each object with a text that differs if it does. Judges nothing.
// Left out is what comes with the server and its extensions, and where migrations are recorded.

import type { PlannedObject } from "../../migrations/migration-plan.ts";
import type { Session } from "../session.ts";

/** The schemas of the server itself, and those of temporary tables. */
const OF_USERS = String.raw`nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'`;

function isOfExtension(catalog: string, oid: string): string {
  return (
    "EXISTS (SELECT 1 FROM pg_depend " +
    `WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`
  );
}

const RELATIONS = `
  SELECT c.oid, c.relkind, c.relname, n.nspname,
    CASE WHEN nspname = current_schema() THEN relname ELSE nspname || '.' || relname END AS name
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
  WHERE ${OF_USERS} AND NOT ${isOfExtension("pg_class", "c.oid")}
    AND relname NOT IN ('schema_migrations', 'schema_migrations_log')`;

const OBJECTS = `
  WITH relations AS (${RELATIONS})
  SELECT 'table' AS type, name, oid,
    concat_ws(E'\\n',
      (SELECT string_agg(
          concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attidentity,
            attcollation, pg_get_expr(adbin, adrelid)),
          E'\\n' ORDER BY attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = relations.oid AND attnum > 0 AND NOT attisdropped),
      (SELECT string_agg(conname || ' ' || pg_get_constraintdef(pg_constraint.oid), E'\\n' ORDER BY conname)
        FROM pg_constraint WHERE conrelid = relations.oid)) AS definition
  FROM relations WHERE relkind IN ('r', 'p', 'f')
  UNION ALL
  SELECT 'view', name, oid, pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT 'sequence', name, oid, format('%s', (SELECT s FROM pg_sequence AS s WHERE seqrelid = oid))
  FROM relations WHERE relkind = 'S'
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = oid AND deptype IN ('a', 'i') AND refobjsubid > 0)
  UNION ALL
  SELECT 'index', name, oid, pg_get_indexdef(oid) FROM relations
  WHERE relkind IN ('i', 'I') AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = relations.oid)
    AND NOT EXISTS (SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
      WHERE indexrelid = relations.oid AND relname IN ('schema_migrations', 'schema_migrations_log'))
  UNION ALL
  SELECT 'trigger', tgname || ' on ' || name, t.oid, tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger AS t JOIN relations ON relations.oid = tgrelid WHERE NOT tgisinternal
  UNION ALL
  SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
    p.oid::regprocedure::text, p.oid, CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE '' END
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
  WHERE ${OF_USERS} AND NOT ${isOfExtension("pg_proc", "p.oid")}
  UNION ALL
  SELECT 'type', format_type(t.oid, NULL), t.oid,
    concat_ws(' ', typtype, format_type(typbasetype, typtypmod), typnotnull, typdefault,
      (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
      (SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY conname) FROM pg_constraint
        WHERE contypid = t.oid))
  FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = typnamespace
  WHERE ${OF_USERS} AND typtype IN ('e', 'd') AND NOT ${isOfExtension("pg_type", "t.oid")}
  ORDER BY oid`;

/** Everything that migrations may have made, in the order of its making. */
export async function readSchemaObjects(session: Session): Promise<readonly PlannedObject[]> {
  const rows = await session.all({
    sql: `SELECT type, name, definition FROM (${OBJECTS}) AS objects`,
    parameters: [],
  });
  return rows.map(([type, name, definition]) => ({
    type: String(type),
    name: String(name),
    definition: String(definition),
  }));
}

/** True if there is a table, view or sequence where migrations would make theirs. */
export async function hasRelations(session: Session): Promise<boolean> {
  const rows = await session.all({
    sql:
      `SELECT 1 FROM (${RELATIONS}) AS relations ` +
      "WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S') LIMIT 1",
    parameters: [],
  });
  return rows.length > 0;
}
