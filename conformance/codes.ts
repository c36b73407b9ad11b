// The gRPC status codes that laws speak of, by name and by number.
// Holds no others: a law that needs one more adds it here.

/** The codes by their names. */
export const Code = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
} as const;

const NAMES = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** The name of a code for reports. */
export function codeName(code: number): string {
  return NAMES.get(code) ?? `code ${code}`;
}
