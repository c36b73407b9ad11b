// Which statements a connection keeps prepared: those that come again, so that the server parses and
// plans them once. Must not know what they say but for their first word.

/** The names of one connection's statements. */
export interface PreparedNames {
  /** The name to send a text with; undefined for one that is not kept. */
  nameOf(text: string): string | undefined;
  /** Told what a statement has failed with: what the server has no longer is prepared again. */
  failed(error: unknown): void;
}

/** As many as a server's process has room for; filters make new texts without end. */
const NAMES_MAX = 200;

/** Only these have a plan. */
const IS_PLANNED = /^(?:SELECT|INSERT|UPDATE|DELETE)\b/;

/** Columns of another type than they had, a statement that is not there, one that is there already. */
const STALE = new Set(["0A000", "26000", "42P05"]);

export function createPreparedNames(): PreparedNames {
  const seen = new Set<string>();
  const names = new Map<string, string>();
  let made = 0;
  return {
    nameOf(text) {
      const name = names.get(text);
      if (name !== undefined) return name;
      if (names.size >= NAMES_MAX || !IS_PLANNED.test(text)) return undefined;
      if (!seen.has(text)) {
        if (seen.size >= NAMES_MAX) seen.clear();
        seen.add(text);
        return undefined;
      }
      made += 1;
      names.set(text, `s${made}`);
      return names.get(text);
    },

    failed(error) {
      if (error instanceof Error && "code" in error && STALE.has(`${error.code}`)) names.clear();
    },
  };
}
