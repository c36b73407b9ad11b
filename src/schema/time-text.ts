// Times as text: every form that SQLite's own date functions read is read, one form is written.
// The filters have the same grammar in SQL (database/sql/filter/time-sql.ts). Knows no columns.

/** An instant, as google.protobuf.Timestamp has it, and the day that was written. */
export interface TimeText {
  readonly seconds: bigint;
  readonly nanos: number;
  /** `YYYY-MM-DD`, before the offset from UTC is taken away. */
  readonly day: string;
}

/** The first second that a Timestamp may have, that of 0001-01-01T00:00:00Z. */
export const MIN_SECONDS = -62_135_596_800n;

/** The last second that a Timestamp may have, that of 9999-12-31T23:59:59Z. */
export const MAX_SECONDS = 253_402_300_799n;

/** A day, a minute or a second, with a fraction of any length, and an offset, UTC if there is none. */
const TIME =
  /^(?<day>\d{4}-\d\d-\d\d)(?:[ T](?<minute>(?:[01]\d|2[0-3]):[0-5]\d)(?::(?<second>[0-5]\d)(?:\.(?<fraction>\d+))?)?(?: *(?:[Zz]|(?<sign>[+-])(?<hours>0\d|1[0-4]):(?<minutes>[0-5]\d)))?)?$/;

/** The instant that a text means; undefined if it is no time, or out of a Timestamp's range. */
export function parseTimeText(text: string): TimeText | undefined {
  const groups = TIME.exec(text)?.groups;
  if (!groups) return undefined;
  const { day = "", minute = "00:00", second = "00", fraction = "" } = groups;
  const milliseconds = Date.parse(`${day}T${minute}:${second}Z`);
  // A day that a month does not have is read as one of the next month.
  if (Number.isNaN(milliseconds) || !new Date(milliseconds).toISOString().startsWith(day)) {
    return undefined;
  }
  const { sign, hours, minutes } = groups;
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60;
  const seconds = BigInt(milliseconds / 1000 + (sign === "-" ? offset : -offset));
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) return undefined;
  return { seconds, nanos: Number(fraction.slice(0, 9).padEnd(9, "0")), day };
}

/** True for a day, `YYYY-MM-DD`, that there is from the year 1 on. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith("0000")) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** The date and the time of day of a second that a Timestamp may have, in UTC. */
export function formatUtc(seconds: bigint, separator: string): string {
  // Field by field, as toISOString takes three times as long.
  const time = new Date(Number(seconds) * 1000);
  const month = twoDigits(time.getUTCMonth() + 1);
  const date = `${pad(time.getUTCFullYear(), 4)}-${month}-${twoDigits(time.getUTCDate())}`;
  const minute = `${twoDigits(time.getUTCHours())}:${twoDigits(time.getUTCMinutes())}`;
  return `${date}${separator}${minute}:${twoDigits(time.getUTCSeconds())}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** The fraction of a second: nothing, or a point and 3, 6 or 9 digits. */
export function formatFraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = pad(nanos, 9);
  if (digits.endsWith("000000")) return `.${digits.slice(0, 3)}`;
  return digits.endsWith("000") ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

export function pad(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
