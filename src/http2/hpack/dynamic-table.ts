// The dynamic table of HPACK, RFC 7541 sections 2.3.2 and 4: the newest entries, as far as its size allows.
// Must not know header blocks.

/** Section 4.1: what an entry takes beside its name and value, in bytes. */
export const ENTRY_OVERHEAD_BYTES = 32;

/** When so many places of evicted entries are at the front, they are given back. */
const EMPTY_PLACES_MAX = 64;

/** The dynamic table of a decoder. */
export class DynamicTable {
  /** Changes with each change of what is in it. */
  version = 0;
  #sizeMax: number;
  #size = 0;
  /** The oldest first; those before `#first` are evicted. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  #first = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get length(): number {
    return this.#names.length - this.#first;
  }

  /** The name and the value of an entry that there is; 0 is the newest. */
  nameAt(index: number): string {
    return this.#names[this.#names.length - 1 - index] as string;
  }

  valueAt(index: number): string {
    return this.#values[this.#values.length - 1 - index] as string;
  }

  /** Section 4.4: one that is larger than the table empties it. */
  add(name: string, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.version += 1;
    this.#evictTo(this.#sizeMax - bytes);
    if (bytes > this.#sizeMax) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#size += bytes;
  }

  /** Section 4.3. */
  resize(sizeMax: number): void {
    this.version += 1;
    this.#sizeMax = sizeMax;
    this.#evictTo(sizeMax);
  }

  #evictTo(size: number): void {
    while (this.#size > size && this.#first < this.#names.length) {
      const [name, value] = [this.#names[this.#first] ?? "", this.#values[this.#first] ?? ""];
      this.#size -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
      this.#names[this.#first] = "";
      this.#values[this.#first] = "";
      this.#first += 1;
    }
    if (this.#first < EMPTY_PLACES_MAX) return;
    this.#names.splice(0, this.#first);
    this.#values.splice(0, this.#first);
    this.#first = 0;
  }
}
