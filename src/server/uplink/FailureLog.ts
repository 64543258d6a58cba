/**
 * What a server's log says when it is not connected to its relay. A failure is
 * logged when it is new in a series of failures, and the series at growing
 * intervals, so that a long outage is neither silent nor a flood.
 */
import * as Effect from "effect/Effect"
import { tripcode } from "../../domain/ApiKey.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { ListenError, RelayFaultCode } from "./ListenError.ts"
import type { ServerOptions } from "./ServerOptions.ts"

/** When a failure is logged again for the first time, in milliseconds. */
export const firstReminder = 60_000
/** How many times as long each further wait is. */
export const reminderGrowth = 4
/** The longest wait between two reminders, in milliseconds. */
export const longestReminder = 3_600_000

/** How many different failures of one series are logged at once. */
const maxKinds = 8

/** A series of failures without a steady connection in between. */
export interface Outage {
  /** From 1. */
  readonly failures: number
  /** How long ago the first of them was, in milliseconds. */
  readonly millis: number
}

/** How long something took: `40 s`, `4 min`, `3 h`. */
export const span = (millis: number): string => {
  const seconds = Math.round(millis / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** See the file's header. */
export class FailureLog {
  private readonly options: ServerOptions
  private kinds = new Set<string>()
  private reminderAt = firstReminder
  private reminders = 0

  constructor(options: ServerOptions) {
    this.options = options
  }

  /** What is logged of a failure; `undefined` if nothing. */
  line(error: ListenError, { failures, millis }: Outage): Effect.Effect<void> | undefined {
    if (failures === 1) this.restart()
    const kind = `${error.reason} ${error.code ?? ""}`
    const isNew = !this.kinds.has(kind) && this.kinds.size < maxKinds
    this.kinds.add(kind)
    if (isNew) return log(error, this.options, "")
    if (millis < this.reminderAt || isAwaitingApproval(error, this.options)) return undefined
    this.reminders += 1
    const wait = Math.min(firstReminder * reminderGrowth ** this.reminders, longestReminder)
    this.reminderAt = millis + wait
    return log(
      error,
      this.options,
      `still not connected after ${failures} tries, ${span(millis)}: `,
    )
  }

  private restart(): void {
    this.kinds = new Set()
    this.reminderAt = firstReminder
    this.reminders = 0
  }
}

const isAwaitingApproval = ({ reason }: ListenError, { onRefused }: ServerOptions): boolean =>
  reason === "refused" && onRefused !== undefined

const about = (code: RelayFaultCode, error: ListenError, sentence: string): Effect.Effect<void> =>
  Effect.logWarning(`${code}: ${sentence}. ${error.remedy ?? entry(code).remedy} Trying again`)

/** Says that the relay did not take the ticket, if that is so. */
const ticketWarning = ({ code }: ListenError): Effect.Effect<void> =>
  code === "PTTH_TICKET_REFUSED"
    ? Effect.logWarning(`${code}: ${entry(code).title} ${entry(code).remedy}`)
    : Effect.void

/**
 * Logs a failure, or runs what the options have in its place.
 *
 * @param before begins the sentence, if the failure was logged before
 */
export const log = (
  error: ListenError,
  options: ServerOptions,
  before: string,
): Effect.Effect<void> => {
  const { detail } = error
  const relay = options.relayUrl
  switch (error.reason) {
    case "unreachable":
      return about(
        error.code ?? "PTTH_RELAY_UNREACHABLE",
        error,
        `${before}cannot reach the relay ${relay}: ${detail}`,
      )
    case "untrusted": {
      const code = error.code ?? "PTTH_RELAY_UNTRUSTED"
      const sentence = `${before}the certificate of the relay ${relay} is not ${code === "PTTH_RELAY_UNTRUSTED" ? "trusted" : "accepted"}: ${detail}`
      return Effect.andThen(
        about(code, error, sentence),
        options.onUntrusted?.(detail, code) ?? Effect.void,
      )
    }
    case "limited": {
      const { retryMillis } = error
      return Effect.logWarning(
        `${before}the relay ${relay} takes nothing more from this address for now (429: ${detail}); ` +
          (retryMillis === undefined
            ? "trying again"
            : `trying again in ${Math.ceil(retryMillis / 1000)} s`),
      )
    }
    case "crowded":
      return Effect.logWarning(
        `PTTH_TOO_MANY_LINKS: ${before}the relay ${relay} has as many links of this server as it takes. ` +
          `${entry("PTTH_TOO_MANY_LINKS").remedy} Trying again now and then`,
      )
    case "shutting down":
      return Effect.logWarning(`${before}the relay ${relay} is shutting down; trying again`)
    case "needs stream":
      return about("PTTH_NEEDS_STREAM", error, `${before}${detail}`)
    case "elsewhere":
    case "unexpected":
    case "impossible":
      return about(
        error.code ?? "PTTH_NOT_A_RELAY",
        error,
        `${before}${relay} does not answer like a relay: ${detail}`,
      )
    case "refused":
      if (options.onRefused !== undefined)
        return Effect.andThen(ticketWarning(error), options.onRefused)
      return Effect.logError(
        `PTTH_KEY_REFUSED: ${before}the relay ${relay} does not know this server (${detail}). ` +
          `Register name = "${options.name}", tripcode = "${tripcode(options.apiKey)}" there; trying again`,
      )
  }
}
