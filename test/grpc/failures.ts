// What handlers can throw, and the text that no client may ever see.

/** A text that is in every failure. */
export const SECRET = "UNIQUE constraint failed: secret.table";

/** Everything that can be thrown, by a name for it. */
export const THROWN = {
  error: () => new Error(SECRET),
  "type-error": () => new TypeError(SECRET, { cause: new Error(SECRET) }),
  aggregate: () => new AggregateError([new Error(SECRET)], SECRET),
  string: () => SECRET,
  number: () => 5,
  bigint: () => 5n,
  symbol: () => Symbol(SECRET),
  undefined: () => undefined,
  null: () => null,
  function: () => () => SECRET,
  "status-like": () => ({ code: 0, details: SECRET, message: SECRET, metadata: SECRET }),
  "error-with-code": () => Object.assign(new Error(SECRET), { code: 5, details: SECRET }),
  "null-prototype": () => Object.assign(Object.create(null), { message: SECRET }),
  circular: () => {
    const error = Object.assign(new Error(SECRET), { self: {} });
    error.self = error;
    error.cause = error;
    return error;
  },
  getters: () =>
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error(SECRET);
      },
    }),
  proxy: () =>
    new Proxy(
      {},
      {
        get() {
          throw new Error(SECRET);
        },
        getPrototypeOf() {
          throw new Error(SECRET);
        },
      },
    ),
  inspect: () => ({
    [Symbol.for("nodejs.util.inspect.custom")]() {
      throw new Error(SECRET);
    },
    toString() {
      throw new Error(SECRET);
    },
  }),
} satisfies Record<string, () => unknown>;

/** The name of something that can be thrown. */
export type ThrownKind = keyof typeof THROWN;
