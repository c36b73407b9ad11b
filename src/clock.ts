// Where the times come from that are stored and shown. How long something takes, and when a call is
// overdue, are not asked here: a clock may stand still.

/** Tells the time, in milliseconds since the epoch. */
export type Clock = () => number;

/** The clock of the machine. */
export const systemClock: Clock = () => Date.now();

/** The time that the clock tells, RFC 3339 in UTC with milliseconds. */
export function timestamp(clock: Clock): string {
  return new Date(clock()).toISOString();
}
