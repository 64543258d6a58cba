/**
 * What a server's log says when it is not connected to its relay.
 */
import * as Effect from "effect/Effect"
import { tripcode } from "../../domain/ApiKey.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { ListenError } from "./ListenError.ts"
import type { ServerOptions } from "./ServerOptions.ts"

/**
 * Logs a failure, or runs what the options have in its place.
 *
 * @param relay the relay's origin
 */
export const log = (
  error: ListenError,
  relay: string,
  options: ServerOptions,
): Effect.Effect<void> => {
  switch (error.reason) {
    case "unreachable":
      return Effect.logWarning(`cannot reach the relay ${relay}: ${error.detail}; trying again`)
    case "untrusted":
      return Effect.andThen(
        Effect.logWarning(
          `the certificate of the relay ${relay} is not trusted (${error.detail}); trying again`,
        ),
        options.onUntrusted?.(error.detail) ?? Effect.void,
      )
    case "limited": {
      const { retryMillis } = error
      return Effect.logWarning(
        `the relay ${relay} takes nothing more from this address for now (429: ${error.detail}); ` +
          (retryMillis === undefined
            ? "trying again"
            : `trying again in ${Math.ceil(retryMillis / 1000)} s`),
      )
    }
    case "crowded":
      return Effect.logWarning(
        `PTTH_TOO_MANY_LINKS: the relay ${relay} has as many links of this server as it takes. ` +
          `${entry("PTTH_TOO_MANY_LINKS").remedy} Trying again now and then`,
      )
    case "shutting down":
      return Effect.logWarning(`the relay ${relay} is shutting down; trying again`)
    case "unexpected":
    case "impossible":
      return Effect.logWarning(
        `${relay} does not answer like a relay: ${error.detail}; trying again`,
      )
    case "refused":
      if (options.onRefused !== undefined) return options.onRefused
      return Effect.logError(
        `PTTH_KEY_REFUSED: the relay ${relay} does not know this server (${error.detail}). ` +
          `Register name = "${options.name}", tripcode = "${tripcode(options.apiKey)}" there; trying again`,
      )
  }
}
