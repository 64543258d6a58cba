/**
 * What a server's log says when it is not connected to its relay. A failure is
 * logged when it is new in a series of failures, and the series at growing
 * intervals, so that a long outage is neither silent nor a flood.
 */
import * as Effect from "effect/Effect"
import { tripcode } from "../../domain/ApiKey.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { span } from "../../web/Format.ts"
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

/** See the file's header. */
export class FailureLog {
  private readonly options: ServerOptions
  private kinds = new Set<string>()
  private reminderAt = firstReminder
  private reminders = 0

  constructor(options: ServerOptions) {
    this.options = options
  }

  /**
   * What is logged of a failure; `undefined` if nothing.
   *
   * @param wait how long it waits before it tries again, in milliseconds
   */
  line(
    error: ListenError,
    { failures, millis }: Outage,
    wait = 0,
  ): Effect.Effect<void> | undefined {
    if (failures === 1) this.restart()
    const kind = `${error.reason} ${error.code ?? ""}`
    const isNew = !this.kinds.has(kind) && this.kinds.size < maxKinds
    this.kinds.add(kind)
    if (isNew) return log(error, this.options, "", wait)
    if (millis < this.reminderAt || isAwaitingApproval(error, this.options)) return undefined
    this.reminders += 1
    const pause = Math.min(firstReminder * reminderGrowth ** this.reminders, longestReminder)
    this.reminderAt = millis + pause
    return log(
      error,
      this.options,
      `still not connected after ${failures} tries, ${span(millis)}: `,
      wait,
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

/** When it is tried again, where that is not at once. */
const nextTry = (millis: number): string =>
  millis < 1_000 ? "Trying again" : `Next try in ${span(millis)}`

const about = (
  code: RelayFaultCode,
  error: ListenError,
  sentence: string,
  millis: number,
): Effect.Effect<void> =>
  Effect.logWarning(
    `${code}: ${sentence}. ${error.remedy ?? entry(code).remedy} ${nextTry(millis)}`,
  )

/** Says that the relay did not take the ticket, if that is so. */
const ticketWarning = ({ code }: ListenError): Effect.Effect<void> =>
  code === "PTTH_TICKET_REFUSED"
    ? Effect.logWarning(`${code}: ${entry(code).title} ${entry(code).remedy}`)
    : Effect.void

/**
 * Logs a failure, or runs what the options have in its place.
 *
 * @param before begins the sentence, if the failure was logged before
 * @param millis how long it waits before it tries again
 */
export const log = (
  error: ListenError,
  options: ServerOptions,
  before: string,
  millis: number,
): Effect.Effect<void> => {
  const { detail } = error
  const relay = options.relayUrl
  const say = (code: RelayFaultCode, sentence: string) => about(code, error, sentence, millis)
  switch (error.reason) {
    case "unreachable":
      return say(
        error.code ?? "PTTH_RELAY_UNREACHABLE",
        `${before}cannot reach the relay ${relay}: ${detail}`,
      )
    case "untrusted": {
      const code = error.code ?? "PTTH_RELAY_UNTRUSTED"
      const sentence = `${before}the certificate of the relay ${relay} is not ${code === "PTTH_RELAY_UNTRUSTED" ? "trusted" : "accepted"}: ${detail}`
      return Effect.andThen(say(code, sentence), options.onUntrusted?.(detail, code) ?? Effect.void)
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
      return say("PTTH_NEEDS_STREAM", `${before}${detail}`)
    case "elsewhere":
    case "unexpected":
    case "impossible":
      if (error.code === "PTTH_NO_WEBSOCKETS")
        return say(
          error.code,
          `${before}the relay ${relay} is there, but WebSockets do not reach it: ${detail}`,
        )
      return say(
        error.code ?? "PTTH_NOT_A_RELAY",
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
