/**
 * Remembers what a function has made of short texts, for as many of them as
 * visitors usually repeat.
 */

const most = 1_000
/** Who sends longer ones to fill the memory gets no faster for it. */
const longest = 64

/** The same function, which must depend on nothing but its text. */
export const memoize = <A>(make: (text: string) => A): ((text: string) => A) => {
  let known = new Map<string, A>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = make(text)
    if (text.length <= longest) {
      if (known.size >= most) known = new Map()
      known.set(text, made)
    }
    return made
  }
}
