/**
 * `ptth 3000` is `ptth share 3000`: the first word of a command line, where it
 * can only be something to share.
 */

/** Flags of every command that take a value, and the others. */
const flagsWithValue = new Set(["--log-level", "--log-format", "--completions"])
const otherFlags = new Set(["--help", "-h", "--version", "-v", "--quiet"])

/** A word that can only be something to share: a port, an address, or a path that looks like one. */
const shareable =
  /^(?:(?::?\d{1,5}|(?:localhost|\d+(?:\.\d+){3}|\[[\da-f:.]+\]):\d{1,5})(?:\/.*)?|https?:\/\/.+|unix:.+|(?:\.{1,2}|~)(?:[\\/].*)?|\/.*|[a-z]:[\\/].*)$/i

/** The words that are no flags and no values of flags, with their places, up to a flag that not every command has. */
export function* wordsOf(
  args: ReadonlyArray<string>,
): Generator<readonly [word: string, at: number]> {
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string
    if (flagsWithValue.has(word)) i++
    else if (!word.startsWith("-")) yield [word, i]
    else if (!otherFlags.has(word) && !flagsWithValue.has(word.replace(/=.*/s, ""))) return
  }
}

/** The arguments, with `share` before the first word if that is something to share, as in `ptth 3000`. */
export const withImpliedShare = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [[word, at] = ["", 0]] = wordsOf(args)
  return shareable.test(word) ? args.toSpliced(at, 0, "share") : args
}
