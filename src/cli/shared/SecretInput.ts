/**
 * Reads a secret: on a terminal it is asked for and not shown while it is
 * typed, from a pipe the first line is taken.
 */
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import { text } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"

/** What is asked for. */
export interface SecretOptions {
  /** The command, for errors. */
  readonly command: string
  /** What it is, such as `password`. */
  readonly name: string
  /** Whether it has to be typed twice, since a mistake would not be noticed. */
  readonly twice: boolean
  /** Whether white space around it is not part of it. */
  readonly isTrimmed: boolean
}

const firstLine = (input: string): string => (input.split("\n")[0] ?? "").replace(/\r$/, "")

/** Asks for one line after the other; fewer if an empty one is typed, or the input ends. */
const typedLines = (prompts: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    // Node's line editor writes what is typed to its output.
    const output = new Writable({ write: (_chunk, _encoding, done) => done() })
    const editor = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 })
    const lines: Array<string> = []
    const ask = (): void => void process.stderr.write(prompts[lines.length] ?? "")
    editor.on("line", (line) => {
      if (lines.length === prompts.length) return
      lines.push(line)
      if (line === "" || lines.length === prompts.length) return editor.close()
      process.stderr.write("\n")
      ask()
    })
    editor.on("SIGINT", () => editor.close())
    editor.once("close", () => {
      process.stderr.write("\n")
      resolve(lines)
    })
    ask()
  })

const typedSecret = Effect.fnUntraced(function* ({
  command,
  name,
  twice,
}: SecretOptions): Effect.fn.Return<string, ConfigError> {
  const prompts = [`Type the ${name}, which is not shown: `, ...(twice ? ["Once more: "] : [])]
  const [typed = "", again] = yield* Effect.promise(() => typedLines(prompts))
  if (!twice || typed === "" || typed === again) return typed
  return yield* usage(command, `the ${name} was not the same both times`, "Try again.")
})

/** Reads the secret; fails if it is empty. */
export const read = Effect.fn("SecretInput.read")(function* (
  options: SecretOptions,
): Effect.fn.Return<string, ConfigError> {
  const input =
    process.stdin.isTTY === true
      ? yield* typedSecret(options)
      : firstLine(yield* Effect.promise(() => text(process.stdin)))
  const secret = options.isTrimmed ? input.trim() : input
  if (secret !== "") return secret
  if (process.stdin.isTTY === true)
    return yield* usage(options.command, `no ${options.name} was typed`, "Run it again.")
  return yield* usage(
    options.command,
    `there is no ${options.name} on standard input`,
    `Pipe the ${options.name} in, or type it.`,
  )
})
