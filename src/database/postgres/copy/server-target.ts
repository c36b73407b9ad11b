// A database on a server that is copied into. References and indexes are taken away while rows come, and
// made again when all are there; what makes them is kept in the database until then.

import { randomUUID } from "node:crypto";
import type { Durability } from "../../../config.ts";
import { StoreError } from "../../../errors.ts";
import type { Row, SqlValue } from "../../../schema/sql-value.ts";
import type {
  CopiedTable,
  CopySetup,
  CopyState,
  CopyTarget,
  RefusedRow,
} from "../../copy/copy-ends.ts";
import { inSql } from "../../copy/table-pages.ts";
import type { Statement } from "../../sql/statements.ts";
import { synchronousCommit } from "../durability.ts";
import { isServerError, translatePostgresError } from "../errors.ts";
import { migrateUp } from "../migrate/migrate.ts";
import { requireSupported } from "../migrate/supported.ts";
import { insertByColumns } from "../row-inserts.ts";
import { createSchemaProbe, UNFINISHED_COPY } from "../schema-probe.ts";
import type { Session } from "../session.ts";
import { arrayText } from "../statement-text.ts";
import { withoutPassword } from "../url.ts";
import { whyNotKept } from "./kept-values.ts";
import { connectTo, nameServer, serverEnd } from "./server-end.ts";

/** What the database is of, and how long its tables may have to wait for other programs. */
type ServerSetup = CopySetup & { readonly lockTimeoutMs: number };

/**
 * Runs `action` with the database, which must be there.
 * @throws StoreError DATABASE_UNAVAILABLE, INVALID_CONFIG, READ_ONLY_MEDIA
 */
export async function withServerTarget<T>(
  url: string,
  setup: ServerSetup,
  action: (target: CopyTarget) => Promise<T>,
): Promise<T> {
  const place = withoutPassword(url);
  try {
    const session = await connectTo(url, false);
    try {
      await session.run(statement("SET statement_timeout = 0"));
      await requireSupported(session);
      return await action(serverTarget(session, url, setup));
    } finally {
      await session.close();
    }
  } catch (error) {
    throw nameServer(place, error);
  }
}

const statement = (sql: string, ...parameters: SqlValue[]): Statement => ({ sql, parameters });

const UNDEFINED_TABLE = "42P01";

function serverTarget(
  session: Session,
  url: string,
  { plans, registry, files, lockTimeoutMs }: ServerSetup,
): CopyTarget {
  const place = withoutPassword(url);
  const end = serverEnd(session, place, registry);
  /** Whoever has begun last copies; one that was before notices. */
  const token = randomUUID();

  /** What `work` does in one transaction, while our triggers, which are for other programs, rest. */
  async function write<T>(work: () => Promise<T>, durability: Durability = "full"): Promise<T> {
    const durable = `SELECT set_config('synchronous_commit', ${synchronousCommit(durability)}, true)`;
    try {
      await Promise.all(
        ["BEGIN", "SET LOCAL protostore.writing = '1'", durable].map((sql) =>
          session.run(statement(sql)),
        ),
      );
      const result = await work();
      await session.commit();
      return result;
    } catch (error) {
      if (!session.lost) await session.run(statement("ROLLBACK")).catch(() => session.close());
      throw error;
    }
  }

  /** @throws StoreError DATABASE_IN_USE if another copy has begun since, or has even finished. */
  async function requireOwner(): Promise<void> {
    const owner = statement(`SELECT token FROM ${UNFINISHED_COPY} FOR UPDATE`);
    const [[found] = []] = await session.all(owner).catch((error: unknown) => {
      if (isServerError(error) && error.code === UNDEFINED_TABLE) return [];
      throw error;
    });
    if (found === token) return;
    throw new StoreError("DATABASE_IN_USE", `another process copies into ${place}`);
  }

  /** What comes later is synced with the end of the copy, if not before. */
  function writeRows<T>(work: () => Promise<T>): Promise<T> {
    return write(async () => {
      await requireOwner();
      return work();
    }, "relaxed");
  }

  async function takeAway(tables: readonly string[]): Promise<readonly string[]> {
    const found = await session.all(statement(DETACHABLE, arrayText(tables.map(inSql))));
    for (const [drop] of found) await session.script(drop as string);
    return found.map(([, make]) => make as string);
  }

  const setRevision = ({ revision }: CopyState) =>
    session.run(statement("UPDATE store_state SET revision = ?", revision));

  return {
    ...end,
    needsReferences: true,
    async unfinished() {
      if (!(await end.describe(UNFINISHED_COPY))) return undefined;
      const [[fingerprint, revision] = []] = await session.all(
        statement(`SELECT fingerprint, revision FROM ${UNFINISHED_COPY}`),
      );
      return { fingerprint: fingerprint as string, revision: revision as bigint };
    },
    async makeTables() {
      const others = (await end.describe("store_state")) ? [] : await end.tables();
      if (others.length > 0) {
        const message = `${place} has tables already, such as ${others[0]}: copy into an empty database`;
        throw new StoreError("NOT_COPYABLE", message);
      }
      await migrateUp(url, { files, lockTimeoutMs });
      const { error } = await createSchemaProbe(async () => session, plans, files).look();
      if (error) throw error;
    },
    async begin({ fingerprint, revision }, tables, cleared) {
      if (await end.describe(UNFINISHED_COPY)) {
        await session.run(statement(`UPDATE ${UNFINISHED_COPY} SET token = ?`, token));
        return;
      }
      await write(async () => {
        await session.script(
          `CREATE TABLE ${UNFINISHED_COPY} ` +
            "(fingerprint text NOT NULL, revision bigint NOT NULL, token text NOT NULL, later text[] NOT NULL)",
        );
        const later = arrayText(await takeAway(tables));
        await session.run(
          statement(
            `INSERT INTO ${UNFINISHED_COPY} VALUES (?, ?, ?, ?)`,
            fingerprint,
            revision,
            token,
            later,
          ),
        );
        for (const table of cleared) await session.run(statement(`DELETE FROM ${inSql(table)}`));
      });
    },
    async insert(table, rows) {
      const types = await readTypes(session, table);
      const refused: RefusedRow[] = [];
      const kept: Row[] = [];
      for (const row of rows) {
        const reason = whyNot(table, types, row);
        if (reason === undefined) kept.push(row);
        else refused.push({ row, reason });
      }
      try {
        await writeRows(() => insertRows(session, table, types, kept));
        return refused;
      } catch (error) {
        if (!isOfRow(error)) throw error;
      }
      return [...refused, ...(await writeRows(() => insertEach(session, table, types, kept)))];
    },
    async complete(state) {
      await write(async () => {
        await requireOwner();
        const made = await session.all(statement(`SELECT unnest(later) FROM ${UNFINISHED_COPY}`));
        for (const [make] of made) await session.script(make as string);
        await session.run(statement(`UPDATE ${UNFINISHED_COPY} SET later = '{}'`));
        await setRevision(state);
      });
      await session.script("ANALYZE");
    },
    async finish(state) {
      await write(async () => {
        await requireOwner();
        await setRevision(state);
        await session.script(`DROP TABLE ${UNFINISHED_COPY}`);
      });
    },
  };
}

/**
 * What takes references and then indexes of tables away, and what makes them again: indexes first, which
 * those of unique columns may be needed for.
 */
const DETACHABLE = `
  WITH own AS (SELECT to_regclass(name) AS id FROM unnest(?::text[]) AS name)
  SELECT drop, make FROM (
    SELECT 1 AS place,
      format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
      format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
    FROM pg_constraint JOIN own ON conrelid = own.id WHERE contype = 'f'
    UNION ALL
    SELECT 2, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index JOIN own ON indrelid = own.id
    WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
  ) AS found ORDER BY place, make`;

/** The type of each column, as the server writes it. */
async function readTypes(session: Session, { name, columns }: CopiedTable) {
  const rows = await session.all(
    statement(
      "SELECT lower(attname), format_type(atttypid, atttypmod) FROM pg_attribute " +
        "WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
      inSql(name),
    ),
  );
  const types = new Map(rows.map(([column, type]) => [column, type as string]));
  return columns.map((column) => types.get(column.toLowerCase()) ?? "text");
}

function whyNot(table: CopiedTable, types: readonly string[], row: Row): string | undefined {
  for (const [place, value] of row.entries()) {
    const reason = whyNotKept(types[place] ?? "", value);
    if (reason !== undefined) return `${table.columns[place]} ${reason}`;
  }
  return undefined;
}

async function insertRows(
  session: Session,
  { name, columns }: CopiedTable,
  types: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  if (rows.length === 0) return;
  await session.run(insertByColumns(inSql(name), columns.map(inSql), types, rows));
}

/** Each row by itself, to find those that the server refuses. */
async function insertEach(
  session: Session,
  table: CopiedTable,
  types: readonly string[],
  rows: readonly Row[],
): Promise<readonly RefusedRow[]> {
  const refused: RefusedRow[] = [];
  for (const row of rows) {
    await session.run(statement("SAVEPOINT each"));
    try {
      await insertRows(session, table, types, [row]);
      await session.run(statement("RELEASE each"));
    } catch (error) {
      if (!isOfRow(error)) throw error;
      await session.run(statement("ROLLBACK TO each"));
      refused.push({ row, reason: translatePostgresError(error).message });
    }
  }
  return refused;
}

/** True if a value, or a constraint of the table, is why the server refuses. */
function isOfRow(error: unknown): boolean {
  return isServerError(error) && /^2[23]/.test(error.code);
}
