// What names a database of PostgreSQL, on the command line and in settings.
// Must not be told with its password.

const SCHEME = /^postgres(?:ql)?:\/\//;

/** True for the address of a PostgreSQL server, and false for the path of a file. */
export function isPostgresUrl(database: string): boolean {
  return SCHEME.test(database);
}

/** The address as it may be shown. */
export function withoutPassword(database: string): string {
  if (!isPostgresUrl(database) || !URL.canParse(database)) return database;
  const url = new URL(database);
  if (url.password !== "") url.password = "***";
  for (const name of ["password", "sslpassword"]) {
    if (url.searchParams.has(name)) url.searchParams.set(name, "***");
  }
  return url.toString();
}
