// Several listeners as one: whoever tells them of something need not know how many there are.
// Must not change what they are told.

/** One that tells all of those that are there; undefined if there is none. */
export function tellAll<T>(
  listeners: readonly (((told: T) => void) | undefined)[],
): ((told: T) => void) | undefined {
  const [first, ...others] = listeners.filter((listener) => listener !== undefined);
  if (!first || others.length === 0) return first;
  return (told) => {
    first(told);
    for (const listener of others) listener(told);
  };
}
