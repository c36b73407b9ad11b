// Reads the text of `grpc-timeout`, for either transport.
// Must not know calls, nor when they come.

/** The protocol's form of it: at most eight digits and a unit. */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The longest that a timer can wait, to the second below: 24 days and more. */
export const TIMEOUT_MAX_MS = 2_147_483_000;

/** The milliseconds of a timeout, of which no more count than TIMEOUT_MAX_MS; NaN if it is none. */
export function toTimeoutMs(timeout: string): number {
  const [, digits, unit = ""] = TIMEOUT.exec(timeout) ?? [];
  if (digits === undefined) return Number.NaN;
  return Math.min(Number(digits) * (UNITS_MS[unit] ?? 0), TIMEOUT_MAX_MS);
}
