/**
 * Output of the commands: results on stdout, logs and errors on stderr.
 */

import { inspect } from "node:util"
import * as Console from "effect/Console"
import type * as CliErrors from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { ownAddress } from "../../transport/net/OwnAddress.ts"
import * as FlagHints from "../text/FlagHints.ts"
import * as HelpText from "../text/HelpText.ts"
import { isQuiet, type LogFormat, usualFormat, viewOptions } from "../text/OutputFlags.ts"
import { styleOf } from "../text/TerminalStyle.ts"

const colorful = (stream: NodeJS.WriteStream): boolean => styleOf(stream).hasColors

const paint = (code: number, text: string): string => `\u001b[${code}m${text}\u001b[0m`

const levelColors: { readonly [level: string]: number } = { WARN: 33, ERROR: 31, FATAL: 31 }

/** Escapes control characters, which could move the cursor or colour the terminal. */
const visible = (text: string): string =>
  text.replace(
    /[\x00-\x09\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  )

/** The text of a log line, whatever it was logged with. */
const textOf = (message: unknown): string =>
  [message]
    .flat()
    .map((part) => (typeof part === "string" ? part : inspect(part)))
    .join(" ")

/** A log line as JSON, whose message is always a text. */
const jsonLine = Logger.map(Logger.formatStructured, (entry) =>
  Formatter.formatJson({ ...entry, message: textOf(entry.message) }),
)

/** A log line for a terminal: time, level unless it is INFO, message, annotations. */
const formatLine = (colors: boolean) =>
  Logger.map(Logger.formatStructured, (entry): string => {
    const time = new Date(entry.timestamp).toTimeString().slice(0, 8)
    const message = textOf(entry.message)
    const annotations = Object.entries(entry.annotations)
      .map(([name, value]) =>
        visible(`${name}=${typeof value === "string" ? value : inspect(value)}`),
      )
      .join(" ")
    const color = levelColors[entry.level]
    const level = entry.level === "INFO" ? "" : `${entry.level} `
    return [
      colors ? paint(2, time) : time,
      " ",
      colors && color !== undefined ? paint(color, level) : level,
      visible(message),
      annotations === "" ? "" : `  ${colors ? paint(2, annotations) : annotations}`,
      entry.cause === undefined ? "" : `\n${entry.cause}`,
    ].join("")
  })

/** Logs to stderr: readable lines on a terminal, lines of JSON elsewhere, or as it is asked for. */
export const layerLogger = (format: LogFormat | undefined): Layer.Layer<never> =>
  Layer.suspend(() =>
    Logger.layer([
      Logger.withConsoleError(
        (format ?? usualFormat(process.stderr)) === "text"
          ? formatLine(colorful(process.stderr))
          : jsonLine,
      ),
    ]),
  )

/** Prints a text on stdout; where that has requests as lines of JSON, on stderr. */
export const say = (text: string): Effect.Effect<void> =>
  Effect.flatMap(viewOptions, ({ logFormat, logRequests }) =>
    logRequests && logFormat === "json" ? Console.error(text) : Console.log(text),
  )

/** Prints what a command says when it has started, unless it is to be quiet. */
export const banner = (text: string): Effect.Effect<void> =>
  Effect.flatMap(isQuiet, (quiet) => (quiet ? Effect.void : say(text)))

/** The command lines that a word may mean. */
type Suggest = (word: string) => ReadonlyArray<string>

const usageError = (
  error: CliErrors.NonShowHelpErrors,
  command: string,
  suggest: Suggest,
): string => {
  switch (error._tag) {
    case "UnrecognizedOption": {
      const hint = FlagHints.hintOf(error.option, command)
      return `there is no flag ${error.option}.${guess(hint === undefined ? error.suggestions : [hint])}`
    }
    case "UnknownSubcommand":
      return noCommand(error.subcommand, suggest)
    case "UnexpectedArgument":
      return `${error.message}.${guess(commandLines(suggest(error.arguments[0] ?? "")))}`
    default:
      return error.message.replace(/\.?$/, ".")
  }
}

const guess = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : ` Did you mean ${suggestions.join(" or ")}?`

const noCommand = (word: string, suggest: Suggest): string =>
  `there is no command ${JSON.stringify(word)}.${guess(commandLines(suggest(word)))}`

const commandLines = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => `\`ptth ${line}\``)

/** There is no command of this name. The message is the same as for other errors of the command line. */
export class NoCommandError extends Data.TaggedError("NoCommandError")<{
  /** The command before the word. */
  readonly path: string
  readonly word: string
  readonly suggestions: ReadonlyArray<string>
}> {
  readonly code = "PTTH_USAGE"
  override get message(): string {
    return `${this.code}: ${noCommand(this.word, () => this.suggestions)} ${seeHelp(this.path)}`
  }
}

const seeHelp = (path: string): string => `See \`${path} --help\`.`

/** Help on stdout; usage errors as one line each on stderr, without the help text. */
export const layerPresenter = (suggest: Suggest): Layer.Layer<never> =>
  Layer.suspend(() => {
    return CliOutput.layerPresenter({
      present: (event) => {
        switch (event._tag) {
          case "Help":
            return Console.log(
              HelpText.format(event.helpDoc, styleOf(process.stdout), process.stdout.columns),
            )
          case "Version":
            return Console.log(`${event.name} ${event.version}`)
          case "InvalidInvocation": {
            const help = seeHelp(event.commandPath.join(" "))
            const command = event.commandPath.at(-1) ?? ""
            // The value of a mistyped flag is reported as a mistyped command as well.
            const flags = event.errors.filter(({ _tag }) => _tag === "UnrecognizedOption")
            return Effect.forEach(
              flags.length > 0 ? flags : event.errors,
              (error) =>
                Console.error(`PTTH_USAGE: ${usageError(error, command, suggest)} ${help}`),
              { discard: true },
            )
          }
        }
      },
    })
  })

/** A heading, bold on a terminal, and aligned rows of labels and values. */
export const screen = (
  heading: string,
  rows: ReadonlyArray<readonly [label: string, value: string]>,
): string => {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  const { hasColors, hasUnicode } = styleOf(process.stdout)
  const isAscii = process.stdout.isTTY === true && !hasUnicode
  const text = isAscii ? heading.replaceAll("·", "-") : heading
  const head = hasColors ? paint(1, text) : text
  return [head, ...rows.map(([label, value]) => `  ${label.padEnd(width)}${value}`.trimEnd())].join(
    "\n",
  )
}

/** Prints the address of a server below its screen, once it is there. */
export const openRow = (url: string): Effect.Effect<void> =>
  banner(`  Open   ${colorful(process.stdout) ? paint(1, url) : url}`)

/** Prints the QR code of an address, for a phone's camera. */
export const printQr = (url: string): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.promise(() => import("../text/Qr.ts")),
    ({ render }) => say(render(url, styleOf(process.stdout))),
  )

/** A listener, and whether it speaks TLS. */
type Listener = ListenAddress.ListenAddress & { readonly secure?: boolean }

/** The URL of a listener for this machine. */
export const urlOf = (listener: Listener): string =>
  ListenAddress.urlOf(listener, listener.secure === true ? "https" : "http")

/** The URL of a listener for other machines; `undefined` unless it listens on every address. */
export const networkUrlOf = (listener: Listener): string | undefined => {
  const host = ListenAddress.isEverywhere(listener.host) ? ownAddress() : undefined
  return host === undefined ? undefined : urlOf({ ...listener, host })
}
