/**
 * The key that the machines of a cluster share: a file with one line, or two
 * while the key is being changed. All lines are accepted, and the first is
 * the one with which this machine connects to others. A key is changed in three
 * steps, each on all machines before the next: the new one becomes the second line,
 * then the first, then the only one.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** The shortest key, in characters. */
export const minLength = 32

/** The keys of a file, the one to connect with first. */
export type ClusterKeys = readonly [
  Redacted.Redacted<string>,
  ...ReadonlyArray<Redacted.Redacted<string>>,
]

/** The keys in a file's text; a failure says what is wrong with it, as the end of a sentence. */
export const parse = (text: string): Result.Result<ClusterKeys, string> => {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  const [first, ...others] = lines
  if (first === undefined) return Result.fail("has no key")
  if (others.length > 1) return Result.fail(`has ${lines.length} lines instead of one or two`)
  const short = lines.findIndex((line) => line.length < minLength)
  if (short >= 0)
    return Result.fail(
      `has a key of ${lines[short]?.length} characters in line ${short + 1}; it needs ${minLength}`,
    )
  const odd = lines.findIndex((line) => !/^[\x21-\x7e]+$/.test(line))
  if (odd >= 0)
    return Result.fail(`has spaces, or characters that are not ASCII, in line ${odd + 1}`)
  return Result.succeed([Redacted.make(first), ...others.map((line) => Redacted.make(line))])
}

/** Whether these are the same keys in the same order. */
export const isSame = (one: ClusterKeys, other: ClusterKeys): boolean =>
  one.length === other.length &&
  one.every(
    (key, i) => Redacted.value(key) === Redacted.value(other[i] as Redacted.Redacted<string>),
  )
