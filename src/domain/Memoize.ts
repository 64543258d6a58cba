/**
 * Results that are computed when they are needed first: one, or those of a
 * function for short texts that visitors often repeat.
 */

const maxEntries = 1_000

/** Longer keys are not cached, so that a client cannot fill the memory. */
const maxKeyLength = 64

/** Caches the results of a pure function; the cache is emptied when it is full. */
export const memoize = <A>(compute: (text: string) => A): ((text: string) => A) => {
  let cache = new Map<string, A>()
  return (text) => {
    const cached = cache.get(text)
    if (cached !== undefined) return cached
    const result = compute(text)
    if (text.length <= maxKeyLength) {
      if (cache.size >= maxEntries) cache = new Map()
      cache.set(text, result)
    }
    return result
  }
}

/** Gives what `make` returns, which is called once, when it is needed first. */
export const once = <A>(make: () => A): (() => A) => {
  let result: { readonly value: A } | undefined
  return () => {
    result ??= { value: make() }
    return result.value
  }
}
