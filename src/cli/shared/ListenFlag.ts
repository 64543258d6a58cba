/**
 * `--listen` of the commands without a configuration file.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { usage } from "../../domain/config/ConfigError.ts"
import { defaultHost, defaultPort } from "../../domain/config/RelayKeys.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"

/** The address of the flag, or the default address. */
export const listenFlag = (
  flag: Option.Option<string>,
): Effect.Effect<ListenAddress.ListenAddress, ConfigError> => {
  if (Option.isNone(flag)) return Effect.succeed({ host: defaultHost, port: defaultPort })
  const address = ListenAddress.parse(flag.value)
  return address === undefined
    ? Effect.fail(usage("--listen", `expected ${ListenAddress.expected}`))
    : Effect.succeed(address)
}
