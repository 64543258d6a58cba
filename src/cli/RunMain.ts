/**
 * Runs the command as a process: error line, exit code and signals. The first
 * SIGINT or SIGTERM runs the finalizers, which drain; a second one exits at once.
 * A terminal that is closed counts as a first signal.
 */
import { setDefaultAutoSelectFamilyAttemptTimeout } from "node:net"
import { isatty } from "node:tty"
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type ErrorCode, entry, isErrorCode } from "../domain/ErrorRegistry.ts"
import { nodesAttemptMillis } from "../transport/client/HappyEyeballs.ts"

/** The signals that end the process, with the exit code of a second one. Windows has SIGBREAK, by Ctrl+Break. */
const signals = { SIGINT: 130, SIGTERM: 143, SIGBREAK: 149 } as const

/** The code of an error, if it is a registered one. */
const codeOf = (error: unknown): ErrorCode | undefined => {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined
  return typeof error.code === "string" && isErrorCode(error.code) ? error.code : undefined
}

/** Whether Node could not tell the working folder, because it was removed. */
const isFolderGone = (error: unknown): boolean =>
  error instanceof Error && "syscall" in error && error.syscall === "uv_cwd"

/** The exit code of a process that ended this way, and its line on stderr. */
export const outcome = (
  exit: Exit.Exit<unknown, unknown>,
): { readonly code: number; readonly line: string | undefined } => {
  if (Exit.isSuccess(exit)) return { code: 0, line: undefined }
  if (Cause.hasInterruptsOnly(exit.cause)) return { code: 0, line: undefined }
  const error = Cause.squash(exit.cause)
  if (CliError.isCliError(error) && error._tag === "ShowHelp") {
    return {
      code: error.errors.length > 0 ? (entry("PTTH_USAGE").exit as number) : 0,
      line: undefined,
    }
  }
  const code = codeOf(error)
  if (code !== undefined && error instanceof Error) {
    return { code: entry(code).exit ?? 1, line: error.message }
  }
  if (isFolderGone(error)) {
    const { exit: code, remedy, title } = entry("PTTH_FOLDER_GONE")
    return { code: code ?? 1, line: `PTTH_FOLDER_GONE: ${title} ${remedy}` }
  }
  const { title, remedy } = entry("PTTH_INTERNAL")
  return { code: 1, line: `PTTH_INTERNAL: ${title} ${remedy}\n${Cause.pretty(exit.cause)}` }
}

/** The line of a command whose output could not be written, also because of a last error; `undefined` if all was. */
type OutputLost = (error: NodeJS.ErrnoException | null | undefined) => string | undefined

/**
 * Ends the process when its output is written: that to a pipe is asynchronous.
 *
 * @param outputLost the line of a command whose output could not be written
 */
const leave = (code: number, outputLost: OutputLost): void => {
  process.exitCode = code
  process.stdout.write("", (error) => {
    const lost = outputLost(error)
    const last = lost === undefined ? code : entry("PTTH_OUTPUT_LOST").exit
    process.stderr.write(lost === undefined ? "" : `${lost}\n`, () => process.exit(last))
  })
}

/** Which of the standard streams were a terminal at the start. */
const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))

/** Whether the terminal of this process was closed: its descriptors are then no terminals any more. */
const hasLostTerminal = (): boolean => terminals.some((descriptor) => !isatty(descriptor))

/** A closed terminal may send SIGHUP a moment before its descriptors are invalid; in milliseconds. */
const hangUpMillis = 500

/** How long a stop may take before a line says that it waits, in milliseconds. */
const noticeMillis = 1_000

/**
 * Whether a SIGHUP ends a process that has this many listeners for it. It does if
 * the process does not reload its configuration or log files by it. It always does
 * on Windows, where it only means that the console window was closed.
 */
export const endsByHangUp = (
  listeners: number,
  platform: NodeJS.Platform = process.platform,
): boolean => listeners === 1 || platform === "win32"

/** Handles SIGHUP, which also ends a process whose terminal was closed. */
const onHangUp = (stop: () => void): void => {
  process.on("SIGHUP", () => {
    if (hasLostTerminal() || endsByHangUp(process.listenerCount("SIGHUP"))) stop()
    else if (terminals.length > 0)
      setTimeout(() => {
        if (hasLostTerminal()) stop()
      }, hangUpMillis).unref()
  })
}

/**
 * Output that cannot be written any more, as to a full disk, must not end the
 * process in the middle of its work. A command whose output was its work, such
 * as a key, learns of it in the end.
 */
const onOutputErrors = (): OutputLost => {
  let reason: string | undefined
  const note = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE" && !hasLostTerminal()) reason ??= error.code ?? error.message
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The reader closed the pipe, as in `ptth keygen | head -1`.
    if (error.code === "EPIPE") process.exit(0)
    note(error)
  })
  process.stderr.on("error", () => {})
  const { remedy } = entry("PTTH_OUTPUT_LOST")
  return (error) => {
    if (error) note(error)
    return reason && `PTTH_OUTPUT_LOST: standard output cannot be written (${reason}). ${remedy}`
  }
}

/** Says on a terminal that a stop waits for something, once it does. */
const notifyWaiting = (): void => {
  if (process.stderr.isTTY !== true) return
  setTimeout(() => {
    process.stderr.write("Still stopping; Ctrl+C again ends it at once.\n")
  }, noticeMillis).unref()
}

/** Runs the effect and ends the process with its exit code. */
export const runMain = (effect: Effect.Effect<unknown, unknown>): void => {
  setDefaultAutoSelectFamilyAttemptTimeout(nodesAttemptMillis)
  const outputLost = onOutputErrors()
  const keepAlive = setInterval(() => {}, 2_147_483_647)
  const fiber = Effect.runFork(effect)
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    Effect.runFork(Fiber.interrupt(fiber))
  }
  const onSignal = (signal: keyof typeof signals): void => {
    if (stopping) process.exit(signals[signal])
    stop()
    notifyWaiting()
  }
  for (const signal of Object.keys(signals)) process.on(signal, onSignal)
  onHangUp(stop)
  fiber.addObserver((exit) => {
    clearInterval(keepAlive)
    const { code, line } = outcome(exit)
    if (line !== undefined) process.stderr.write(`${line}\n`)
    leave(code, code === 0 && !stopping ? outputLost : () => undefined)
  })
}
