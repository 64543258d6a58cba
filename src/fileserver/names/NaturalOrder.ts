/**
 * Natural sort order: `file9` before `file10`, ignoring case and accents. Each
 * name is turned into a key once; sorting compares the keys.
 */

const marks = /\p{M}+/gu
const digits = /\d+/g
const ascii = /^[\0-\x7f]*$/

/** The sort key of a name, to be compared by code units. */
export const key = (name: string): string => {
  const base = ascii.test(name) ? name : name.normalize("NFKD").replace(marks, "")
  // The count of digits precedes them, so that longer numbers sort as larger ones.
  return base.toLowerCase().replace(digits, (run) => {
    const number = run.replace(/^0+(?=\d)/, "")
    return `0${String.fromCharCode(number.length)}${number}`
  })
}
