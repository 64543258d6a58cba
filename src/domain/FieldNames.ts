/**
 * Names of header fields, to be looked up in any case. Most other names are ruled
 * out by their length and first letter: making a name lower case and looking that
 * up takes five times as long.
 */

/** See the file's header. */
export class FieldNames {
  private readonly names: ReadonlySet<string>
  /** By length, a bit for each first letter; lengths that differ by 64 share them. */
  private readonly letters = new Uint32Array(64)

  constructor(names: Iterable<string>) {
    this.names = new Set(Array.from(names, (name) => name.toLowerCase()))
    for (const name of this.names)
      this.letters[name.length & 63] = this.lettersOf(name) | bitOf(name)
  }

  /** Whether the name is one of them. */
  has(name: string): boolean {
    return this.mayHave(name) && this.names.has(name.toLowerCase())
  }

  /** `false` for most names that are none of them. */
  mayHave(name: string): boolean {
    return (this.lettersOf(name) & bitOf(name)) !== 0
  }

  private lettersOf(name: string): number {
    return this.letters[name.length & 63] as number
  }
}

/** The bit of a name's first letter, the same for both cases. */
const bitOf = (name: string): number => 1 << (name.charCodeAt(0) & 31)
