/**
 * Open-addressing hash map for short-lived entries. V8's `Map` allocates a new
 * table every few dozen insertions. A table that was promoted to the old
 * generation keeps all later ones reachable, with their entries. Most of a
 * request's objects then survive until a full collection (docs/performance.md
 * has the figures). This map reuses one table.
 */

/** Slots of an empty map; up to half of them are used. */
const minSlots = 64

/**
 * See the file's header. Number keys are integers. Chosen keys may collide, so
 * that a lookup takes linear time: bound the number of entries whose keys
 * somebody else chooses.
 */
export class ReusableMap<K extends string | number, A extends object> {
  /** Each key is in the slot of its hash or in the next free one (linear probing). */
  private keys: Array<K | undefined> = []
  private values: Array<A | undefined> = []
  private mask = 0
  private count = 0

  constructor() {
    this.allocate(minSlots)
  }

  get size(): number {
    return this.count
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  get(key: K): A | undefined {
    return this.values[this.slotOf(key)]
  }

  set(key: K, value: A): void {
    if (2 * this.count > this.mask) this.grow()
    const at = this.slotOf(key)
    if (this.values[at] === undefined) this.count++
    this.keys[at] = key
    this.values[at] = value
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    let hole = this.slotOf(key)
    if (this.values[hole] === undefined) return false
    this.count--
    // Later entries of the run move into the hole, unless it is before their own slot.
    for (let at = this.after(hole); this.values[at] !== undefined; at = this.after(at)) {
      const distance = (at - hashOf(this.keys[at] as K)) & this.mask
      if (distance < ((at - hole) & this.mask)) continue
      this.keys[hole] = this.keys[at]
      this.values[hole] = this.values[at]
      hole = at
    }
    this.keys[hole] = undefined
    this.values[hole] = undefined
    return true
  }

  /** All values, in no order. */
  all(): Array<A> {
    return this.values.filter((value) => value !== undefined)
  }

  /** Whether something holds for a value; asks for no further one then, and makes no list of them. */
  some(holds: (value: A) => boolean): boolean {
    return this.values.some((value) => value !== undefined && holds(value))
  }

  clear(): void {
    if (this.values.length > minSlots) return this.allocate(minSlots)
    this.keys.fill(undefined)
    this.values.fill(undefined)
    this.count = 0
  }

  /** The slot where the key is, or would be. */
  private slotOf(key: K): number {
    let at = hashOf(key) & this.mask
    while (this.values[at] !== undefined && this.keys[at] !== key) at = this.after(at)
    return at
  }

  private after(at: number): number {
    return (at + 1) & this.mask
  }

  private allocate(length: number): void {
    this.keys = new Array<K | undefined>(length).fill(undefined)
    this.values = new Array<A | undefined>(length).fill(undefined)
    this.mask = length - 1
    this.count = 0
  }

  private grow(): void {
    const { keys, values } = this
    this.allocate(2 * values.length)
    values.forEach((value, at) => {
      if (value !== undefined) this.set(keys[at] as K, value)
    })
  }
}

/**
 * Fibonacci hashing for numbers: consecutive ones do not collide and are far
 * apart, so that runs, which a deletion has to walk, are short. FNV-1a for texts.
 */
const hashOf = (key: string | number): number => {
  if (typeof key === "number") return Math.imul(key, 0x9e3779b1)
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
