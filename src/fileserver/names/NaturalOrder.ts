/**
 * The order in which people expect names: `file9` before `file10`, capitals
 * and accents aside. Names are turned into keys once, so that sorting many of
 * them compares plain text.
 */

const marks = /\p{M}+/gu
const digits = /\d+/g
const ascii = /^[\0-\x7f]*$/

/** A text that sorts, compared by code units, where the name belongs. */
export const key = (name: string): string => {
  const plain = ascii.test(name) ? name : name.normalize("NFKD").replace(marks, "")
  // The number of digits goes before them, so that longer numbers sort as larger ones.
  return plain.toLowerCase().replace(digits, (run) => {
    const number = run.replace(/^0+(?=\d)/, "")
    return `0${String.fromCharCode(number.length)}${number}`
  })
}
