// Times as text → SQL for the instant that they mean, in the forms that are read (schema/time-text.ts).
// Knows SQL text only. It is NULL for all else, and raises no error, since generated columns use it.

/** The instant as `YYYY-MM-DD HH:MM:SS.nnnnnnnnn` in UTC, which compares as text. */
export function instantText(sql: string): string {
  // SQLite rounds what is beyond a millisecond: it gets no fraction, but says whether it is one.
  const offset = `CASE WHEN substr(${sql}, -6, 1) IN ('+', '-') THEN substr(${sql}, -6) ELSE '' END`;
  const isTail = `time('00:00:00' || substr(${sql}, 20)) IS NOT NULL`;
  const whole = `datetime(CASE WHEN ${isTail} THEN substr(${sql}, 1, 19) || ${offset} END)`;
  // The digits before what is no digit any more.
  const digits = `substr(CAST('1' || substr(${sql}, 21, 9) AS INTEGER), 2)`;
  const fraction = `substr(${digits} || '000000000', 1, 9)`;
  return whenTime(
    sql,
    `CASE WHEN substr(${sql}, 20, 1) = '.' THEN ${whole} || '.' || ${fraction} ` +
      `ELSE datetime(${sql}) || '.000000000' END`,
  );
}

/** The day as it is written, `YYYY-MM-DD`. */
export function dayText(sql: string): string {
  return whenTime(sql, `CASE WHEN datetime(${sql}) IS NOT NULL THEN substr(${sql}, 1, 10) END`);
}

/**
 * The expression where the text begins as a time does. The first test keeps out what SQLite reads in
 * another way, such as 'now' or a number of days, and what is no text: a BLOB is above all texts. (The
 * bounds are no numbers, or a NUMERIC column would be compared with numbers.)
 */
function whenTime(sql: string, expression: string): string {
  const day = `substr(${sql}, 1, 10)`;
  return (
    `CASE WHEN ${sql} BETWEEN '0001-' AND ':' AND ` +
    `${sql} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9]*[0-9Zz]' THEN ` +
    `CASE WHEN date(${day}) = ${day} AND substr(${sql}, 12, 2) < '24' AND ` +
    `(length(${sql}) = 10 OR substr(${sql}, 11, 2) GLOB '[ T][0-9]') THEN ${expression} END END`
  );
}
