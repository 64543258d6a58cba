/**
 * "Did you mean": the word that is closest to a mistyped one.
 */

/**
 * Edit distance: the number of letters inserted, deleted, substituted, or
 * swapped with their neighbour (optimal string alignment).
 */
export const distance = (left: string, right: string): number => {
  const width = right.length + 1
  const table = new Uint16Array((left.length + 1) * width)
  const at = (i: number, j: number): number => table[i * width + j] as number
  for (let i = 0; i <= left.length; i++) {
    for (let j = 0; j <= right.length; j++) {
      const cost = left[i - 1] === right[j - 1] ? 0 : 1
      let least = i === 0 ? j : j === 0 ? i : at(i - 1, j - 1) + cost
      if (i > 0 && j > 0) least = Math.min(least, at(i - 1, j) + 1, at(i, j - 1) + 1)
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        least = Math.min(least, at(i - 2, j - 2) + 1)
      }
      table[i * width + j] = least
    }
  }
  return at(left.length, right.length)
}

const normalized = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, "")

/**
 * The nearest of the candidates, if at most a third of its letters differ. Case,
 * `-` and `_` are ignored.
 */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const edits = distance(normalized(word), normalized(candidate))
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best !== undefined && least <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined
}
