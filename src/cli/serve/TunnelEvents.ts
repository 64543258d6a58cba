/**
 * What `ptth server` prints when the relay refuses or accepts it, and how it
 * fails with `--no-wait`.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ApiKey from "../../domain/ApiKey.ts"
import type { ServerConfig } from "../../domain/config/ServerConfig.ts"
import { type ErrorCode, entry } from "../../domain/ErrorRegistry.ts"
import type * as Server from "../../server/Server.ts"
import type { UplinkStatus } from "../../server/uplink/UplinkStatus.ts"
import * as Output from "../shared/Output.ts"
import type { ServiceView } from "../terminal/OwnerView.ts"

/** How a server is run. */
export interface TunnelOptions {
  /** The file of its configuration. */
  readonly path: string | undefined
  /** Whether the key may be sent unencrypted. */
  readonly insecure: boolean
  /** Whether the address is also shown as a QR code. */
  readonly qr: boolean
  /** Whether it keeps trying if the relay does not know the key. */
  readonly wait: boolean
  /** The row `Key` of the screen, for a server without a configuration. */
  readonly pairing: string | undefined
  /** The row `Kept` of the screen: what was said an earlier time and still holds. */
  readonly kept?: string | undefined
  /** A ticket by which the relay registers the key. */
  readonly ticket?: string | undefined
  /** Run once, when the relay has answered for the first time. */
  readonly onRelay?: Effect.Effect<void>
}

/** The relay does not know the key, and `--no-wait` is given. */
export class KeyRefusedError extends Data.TaggedError("KeyRefusedError")<{
  readonly relayUrl: string
  readonly command: string
}> {
  readonly code = "PTTH_KEY_REFUSED"
  override get message(): string {
    return `${this.code}: the relay ${this.relayUrl} does not know this server. ${otherKey}; otherwise have it approved there: ${this.command}`
  }
}

/** Approval never replaces a key, and the relay does not tell strangers which names are registered. */
const otherKey =
  "If the name is registered there with another key, add the tripcode to that server's `tripcode` list in the relay's configuration"

/** The relay's certificate is not accepted, and `--no-wait` is given. */
export class RelayUntrustedError extends Data.TaggedError("RelayUntrustedError")<{
  readonly code: ErrorCode
  readonly relayUrl: string
  /** What is wrong with the certificate. */
  readonly detail: string
}> {
  override get message(): string {
    const isUnknown = this.code === "PTTH_RELAY_UNTRUSTED"
    return `${this.code}: the certificate of the relay ${this.relayUrl} is not ${isUnknown ? "trusted" : "accepted"}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

/** Why a tunnel ends. */
export type TunnelError = KeyRefusedError | RelayUntrustedError

/** The callbacks of the tunnel that are used here. */
type Callbacks = Pick<Server.ServerOptions, "onRefused" | "onUntrusted" | "onConnected" | "onState">

/** Runs an effect for each address that is not the one before. */
const forEachNew = (run: (url: string) => Effect.Effect<void>) => {
  let last = ""
  return (url: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isNew = url !== last
      last = url
      return isNew ? run(url) : Effect.void
    })
}

/** Prints the address once the relay has announced it, and again if it changes. Only the relay knows it for certain. */
const configuredCallbacks = (printQr: (url: string) => Effect.Effect<void>): Callbacks => ({
  onConnected: forEachNew((url) => Effect.andThen(Output.openRow(url), printQr(url))),
})

/** The same callbacks, of which the view learns the address and the state. */
const shownTo = (view: ServiceView | undefined, callbacks: Callbacks): Callbacks =>
  view === undefined
    ? callbacks
    : {
        ...callbacks,
        onState: view.setLink,
        onConnected: (url, site) => {
          view.setAddress(url)
          return callbacks.onConnected?.(url, site) ?? Effect.void
        },
      }

/** Prints how the server is approved, and that it was. */
const pairingCallbacks = (
  command: string,
  startedAt: number,
  printQr: (url: string) => Effect.Effect<void>,
): Callbacks => {
  let waited = false
  let printed = ""
  return {
    onRefused: Effect.suspend(() => {
      waited = true
      return Output.say(
        [
          "Waiting for approval. The relay's administrator sees this server under",
          '"Unregistered", compares all six words or the whole tripcode, and approves it',
          "there or with",
          `  ${command}`,
          "If the name is registered there with another key, add the tripcode to that",
          "server's `tripcode` list in the relay's configuration, or take another name",
          "with --name.",
        ].join("\n"),
      )
    }),
    onConnected: (url) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const seconds = Math.round((now - startedAt) / 1000)
        const outcome = waited ? `Approved (${seconds} s).` : "Connected."
        const isNew = waited || url !== printed
        waited = false
        printed = url
        return Effect.andThen(
          isNew ? Output.say(`${outcome} Open ${url}`) : Effect.void,
          printQr(url),
        )
      }),
  }
}

/** Runs an effect the first time that one of the callbacks shows that the relay has answered. */
const afterAnswer = (callbacks: Callbacks, effect: Effect.Effect<void> | undefined): Callbacks => {
  if (effect === undefined) return callbacks
  let isDone = false
  const once = Effect.suspend(() => {
    const run = isDone ? Effect.void : effect
    isDone = true
    return run
  })
  const { onConnected, onRefused } = callbacks
  return {
    ...callbacks,
    onConnected: (url, site) => Effect.andThen(once, onConnected?.(url, site) ?? Effect.void),
    ...(onRefused === undefined ? {} : { onRefused: Effect.andThen(once, onRefused) }),
  }
}

/**
 * The callbacks for a server, and an effect that fails if the relay refuses it and it does not wait.
 *
 * @param view shows address and state, if anything does
 */
export const make = Effect.fnUntraced(function* (
  config: ServerConfig,
  options: TunnelOptions,
  view: ServiceView | undefined,
) {
  const { relayUrl } = config
  const command = `ptth relay approve ${config.name} ${ApiKey.tripcode(config.apiKey)}`
  const printQr = options.qr ? forEachNew(Output.printQr) : () => Effect.void
  const failed = yield* Deferred.make<never, TunnelError>()
  const failing: Callbacks = {
    onRefused: Deferred.fail(failed, new KeyRefusedError({ relayUrl, command })),
    onUntrusted: (detail, code) =>
      Deferred.fail(failed, new RelayUntrustedError({ code, relayUrl, detail })),
  }
  const printing =
    options.pairing === undefined
      ? configuredCallbacks(printQr)
      : pairingCallbacks(command, yield* Clock.currentTimeMillis, printQr)
  const callbacks = shownTo(
    view,
    afterAnswer({ ...printing, ...(options.wait ? {} : failing) }, options.onRelay),
  )
  return { callbacks, failed: Deferred.await(failed) }
})

/** How long a relay may be silent before that is shown, in milliseconds: first as progress, then as a problem. */
const quietMillis = [1_000, 10_000] as const

/** Whether the relay has answered neither well nor badly. */
const isSilent = (status: UplinkStatus | undefined): boolean =>
  status === undefined || (status.state._tag === "Connecting" && status.lastFailure === undefined)

/** Says that the relay has not answered yet: as progress, unless something shows that anyway, then as a problem. */
const tellOfSilence = Effect.fnUntraced(function* (
  relayUrl: string,
  statusNow: () => UplinkStatus | undefined,
  isShown: boolean,
) {
  const [progress, problem] = quietMillis
  yield* Effect.sleep(progress)
  if (!isShown && isSilent(statusNow())) yield* Effect.logInfo(`connecting to ${relayUrl}`)
  yield* Effect.sleep(problem - progress)
  if (!isSilent(statusNow())) return
  const code = "PTTH_RELAY_UNREACHABLE"
  yield* Effect.logWarning(
    `${code}: the relay ${relayUrl} has not answered for ${problem / 1_000} s, and is still waited for. ${entry(code).remedy}`,
  )
})

/**
 * Runs a tunnel, and says while it runs that the relay has not answered yet. Nothing is
 * said from the moment at which it is to stop, when it has no links, either.
 *
 * @param isShown whether something else shows that it connects
 */
export const tellingOfSilence = <E, R>(
  run: Effect.Effect<never, E, R>,
  relayUrl: string,
  statusNow: () => UplinkStatus | undefined,
  isShown: boolean,
): Effect.Effect<never, E, R> =>
  Effect.raceFirst(run, Effect.andThen(tellOfSilence(relayUrl, statusNow, isShown), Effect.never))
