/**
 * The flags that say what is printed and how, which several commands have.
 */
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** How lines of logs look. */
export type LogFormat = "text" | "json"

const formats: ReadonlyArray<LogFormat> = ["text", "json"]

/** `--log-format`, of all commands. */
export const logFormat = GlobalFlag.Setting("log-format")({
  flag: Flag.Literals("log-format", ["text", "json"]).pipe(
    Flag.withDescription("How logs look (default: text on a terminal, json elsewhere)"),
    Flag.withMetavar("<text|json>"),
    Flag.optional,
  ),
})

/** `--quiet`, of all commands. */
export const quiet = GlobalFlag.Setting("quiet")({
  flag: Flag.Boolean("quiet").pipe(
    Flag.withDescription("Print only warnings, errors and results (default off)"),
    Flag.withDefault(false),
  ),
})

/** `--log-requests`, of the commands that serve something. */
export const logRequests = GlobalFlag.Setting("log-requests")({
  flag: Flag.Boolean("log-requests").pipe(
    Flag.withDescription(
      "Print one line for each request on standard output, in place of the live view (default off)",
    ),
    Flag.withDefault(false),
  ),
})

/** Whether only warnings, errors and results are printed. */
export const isQuiet: Effect.Effect<boolean> = Effect.map(
  Effect.serviceOption(quiet),
  Option.getOrElse(() => false),
)

/** The format of logs where none is asked for. */
export const usualFormat = (stream: { readonly isTTY?: boolean }): LogFormat =>
  stream.isTTY === true ? "text" : "json"

/** What of a server's requests and state is printed. */
export const viewOptions = Effect.gen(function* () {
  const format = Option.flatten(yield* Effect.serviceOption(logFormat))
  return {
    quiet: yield* isQuiet,
    logRequests: Option.getOrElse(yield* Effect.serviceOption(logRequests), () => false),
    logFormat: Option.getOrElse(format, () => usualFormat(process.stdout)),
  }
})

/** The arguments before `--`, behind which there are no flags. */
const flagsOf = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.includes("--") ? args.slice(0, args.indexOf("--")) : args

/** The value of `--log-format` for the logger, which is there before flags are read. */
export const formatIn = (args: ReadonlyArray<string>): LogFormat | undefined => {
  const flags = flagsOf(args)
  const at = flags.findLastIndex((arg) => arg === "--log-format" || arg.startsWith("--log-format="))
  const value = flags[at]?.split("=", 2)[1] ?? flags[at + 1]
  return at < 0 ? undefined : formats.find((format) => format === value)
}

/** Whether `--quiet` is among the arguments. */
export const isQuietIn = (args: ReadonlyArray<string>): boolean => flagsOf(args).includes("--quiet")
