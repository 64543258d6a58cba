/**
 * `--allowed-hosts` of the commands that listen on loopback: by which names
 * visitors may reach them, besides IP addresses, localhost and names without a dot.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import { type HostPattern, parsePattern } from "../../domain/OwnHost.ts"
import * as CommaList from "../../domain/text/CommaList.ts"
import * as Flags from "./Flags.ts"

/** The flag. */
export const allowedHosts = Flags.text(
  "allowed-hosts",
  "NAME,…",
  "Names in the Host field besides IP addresses, localhost and names without a dot, such as files.example.com or *.example.com; * for all (default: none on a loopback address, all on others)",
)

/** The names of the flag; `undefined` if it is not given. */
export const parse = (
  flag: Option.Option<string>,
): Effect.Effect<ReadonlyArray<HostPattern> | undefined, ConfigError> => {
  if (Option.isNone(flag)) return Effect.succeed(undefined)
  return Effect.forEach(CommaList.split(flag.value), (text) => {
    const pattern = parsePattern(text)
    return pattern === undefined
      ? Effect.fail(
          usage(
            "--allowed-hosts",
            `${JSON.stringify(text)} is not the name of a host`,
            "Use names without scheme and port, such as files.example.com,*.test.",
          ),
        )
      : Effect.succeed(pattern)
  })
}
