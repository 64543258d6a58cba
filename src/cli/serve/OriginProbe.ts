/**
 * Asks an application by a connection whether it is there: when its server
 * starts, and while requests to it fail. Nothing is sent.
 */
import { connect } from "node:net"
import * as Effect from "effect/Effect"
import * as UpstreamFailure from "../../server/upstream/UpstreamFailure.ts"
import type { OriginLog } from "./OriginLog.ts"

/** Where an application listens, and what it is called in messages. */
export type OriginPlace = { readonly name: string } & (
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
)

/** How long a connection may take, in milliseconds. */
const connectMillis = 5_000

/** How often it is asked while it is not there: first, and at the least, in milliseconds. */
const firstPause = 1_000
const longestPause = 10_000

/** The code of the error if there is no connection; `undefined` if there is one. */
const attempt = (place: OriginPlace): Effect.Effect<string | undefined> =>
  Effect.callback<string | undefined>((resume) => {
    const socket = connect({ ...place, timeout: connectMillis })
    const end = (code: string | undefined): void => {
      socket.destroy()
      resume(Effect.succeed(code))
    }
    socket.once("connect", () => end(undefined))
    socket.once("timeout", () => end("ETIMEDOUT"))
    socket.on("error", ({ code }: NodeJS.ErrnoException) => end(code ?? "unknown error"))
    return Effect.sync(() => socket.destroy())
  })

/** Asks until the application is there, and tells the log. */
export const untilUp = (
  place: OriginPlace,
  log: OriginLog,
  pause = firstPause,
): Effect.Effect<void> =>
  Effect.flatMap(attempt(place), (code) => {
    if (code === undefined) return Effect.sync(log.up)
    log.down(UpstreamFailure.down(place.name, code))
    return Effect.sleep(pause).pipe(
      Effect.andThen(untilUp(place, log, Math.min(pause * 1.5, longestPause))),
    )
  })
