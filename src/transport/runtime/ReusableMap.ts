/**
 * A map for what comes and goes by the thousand a second. V8's own makes a new
 * table every few dozen entries, and one that has outlived a collection keeps
 * all later ones alive, with what was in them: most of what a request takes
 * survived until the whole heap was collected (docs/performance.md has the
 * figures). Here one table is used on and on.
 */

/** Places of an empty map; half of them may be taken. */
const smallest = 64

/**
 * See the file's header. Numbers are whole. If somebody else chooses the keys,
 * a look may take as long as there are entries: their number is to be bounded.
 */
export class ReusableMap<K extends string | number, A extends object> {
  /** Each at the place of its hash, or the next free one behind it, round the end. */
  private keys: Array<K | undefined> = []
  private values: Array<A | undefined> = []
  private mask = 0
  private count = 0

  constructor() {
    this.make(smallest)
  }

  get size(): number {
    return this.count
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  get(key: K): A | undefined {
    return this.values[this.placeOf(key)]
  }

  set(key: K, value: A): void {
    if (2 * this.count > this.mask) this.grow()
    const at = this.placeOf(key)
    if (this.values[at] === undefined) this.count++
    this.keys[at] = key
    this.values[at] = value
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    let hole = this.placeOf(key)
    if (this.values[hole] === undefined) return false
    this.count--
    // Those behind it move up, unless the hole is before the place of their own.
    for (let at = this.after(hole); this.values[at] !== undefined; at = this.after(at)) {
      const away = (at - hashOf(this.keys[at] as K)) & this.mask
      if (away < ((at - hole) & this.mask)) continue
      this.keys[hole] = this.keys[at]
      this.values[hole] = this.values[at]
      hole = at
    }
    this.keys[hole] = undefined
    this.values[hole] = undefined
    return true
  }

  /** All that is there, in no order. */
  all(): Array<A> {
    return this.values.filter((value) => value !== undefined)
  }

  clear(): void {
    if (this.values.length > smallest) return this.make(smallest)
    this.keys.fill(undefined)
    this.values.fill(undefined)
    this.count = 0
  }

  /** Where the key is, or would be. */
  private placeOf(key: K): number {
    let at = hashOf(key) & this.mask
    while (this.values[at] !== undefined && this.keys[at] !== key) at = this.after(at)
    return at
  }

  private after(at: number): number {
    return (at + 1) & this.mask
  }

  private make(length: number): void {
    this.keys = new Array<K | undefined>(length).fill(undefined)
    this.values = new Array<A | undefined>(length).fill(undefined)
    this.mask = length - 1
    this.count = 0
  }

  private grow(): void {
    const { keys, values } = this
    this.make(2 * values.length)
    values.forEach((value, at) => {
      if (value !== undefined) this.set(keys[at] as K, value)
    })
  }
}

/** Numbers in a row never meet, and lie far apart: a deletion looks as far as the next free place. FNV-1a of a text. */
const hashOf = (key: string | number): number => {
  if (typeof key === "number") return Math.imul(key, 0x9e3779b1)
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
