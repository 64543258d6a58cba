/**
 * The relay that `ptth share` uses: that of `--relay`, `PTTH_RELAY` or the
 * user's `config.toml`, else the one that was used last. What its connection
 * needs is kept with it, so that it has to be said once.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { stringify } from "smol-toml"
import * as ConfigDecode from "../../domain/config/ConfigDecode.ts"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import type { ConfigValues } from "../../domain/config/ConfigKey.ts"
import { parseRelayUrl, userKeys } from "../../domain/config/ServerKeys.ts"
import type { Environment } from "../shared/UserPaths.ts"
import * as UserPaths from "../shared/UserPaths.ts"
import * as OwnFile from "./OwnFile.ts"

/** A relay and how it is reached. */
export interface KnownRelay {
  readonly url: string
  /** The absolute path of a PEM file of certificates to trust. */
  readonly ca: string | undefined
  /** Whether the key may be sent unencrypted. */
  readonly insecure: boolean
}

/** What the command line says. */
export interface RelayFlags {
  readonly relay: Option.Option<string>
  readonly ca: Option.Option<string>
  readonly insecure: boolean
}

type UserConfig = ConfigValues<typeof userKeys>

const decode = ConfigDecode.decoder(userKeys)

/** The user's own file. */
export const configFile = (env: Environment): string =>
  NodePath.join(UserPaths.configFolder(env), "config.toml")

/** The file of the relay that was used last. */
const lastFile = (env: Environment): string =>
  NodePath.join(UserPaths.stateFolder(env), "relay.toml")

const read = Effect.fnUntraced(function* (
  file: string,
): Effect.fn.Return<UserConfig, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  return (yield* Effect.fromResult(decode(text, { file }))).value
})

const parse = (where: string, text: string): Effect.Effect<string, ConfigError> => {
  const url = parseRelayUrl(text)
  return url === undefined
    ? Effect.fail(usage(where, `expected ${userKeys.relay.value.expected}`))
    : Effect.succeed(url)
}

const noRelay = (env: Environment): ConfigError =>
  usage(
    "--relay",
    "no relay is known yet",
    `There is no public one: run your own on a machine that visitors can reach (ptth relay). Give its address with --relay once, which is remembered, in PTTH_RELAY, or as \`relay\` in ${configFile(env)}. To try PTTH on this machine alone: ptth dev.`,
  )

/** Finds the relay. */
export const find = Effect.fn("KnownRelay.find")(function* (
  flags: RelayFlags,
  env: Environment,
): Effect.fn.Return<KnownRelay, ConfigError, FileSystem.FileSystem> {
  const own = yield* read(configFile(env))
  const last = yield* Effect.orElseSucceed(
    read(lastFile(env)),
    (): UserConfig => ({
      relay: undefined,
      ca: undefined,
      insecure: false,
    }),
  )
  const named = Option.isSome(flags.relay)
    ? yield* parse("--relay", flags.relay.value)
    : env.PTTH_RELAY !== undefined && env.PTTH_RELAY !== ""
      ? yield* parse("PTTH_RELAY", env.PTTH_RELAY)
      : undefined
  const url = named ?? own.relay ?? last.relay
  if (url === undefined) return yield* noRelay(env)
  const sources = [own, last].filter(({ relay }) => relay === url)
  const ca = Option.match(flags.ca, {
    onNone: () => sources.find((one) => one.ca !== undefined)?.ca ?? (named ? undefined : own.ca),
    onSome: (file) => NodePath.resolve(file),
  })
  return { url, ca, insecure: flags.insecure || sources.some(({ insecure }) => insecure) }
})

/** Remembers a relay that has answered. A folder that cannot be written to is no reason not to serve. */
export const remember = Effect.fn("KnownRelay.remember")(function* (
  { ca, insecure, url }: KnownRelay,
  env: Environment,
): Effect.fn.Return<void, never, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const file = lastFile(env)
  const values = {
    relay: url,
    ...(ca === undefined ? {} : { ca }),
    ...(insecure ? { insecure } : {}),
  }
  const text = `# The relay that \`ptth share\` has used last.\n${stringify(values)}\n`
  const before = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  if (before === text) return
  yield* Effect.catch(OwnFile.replace(file, text), (error) =>
    Effect.logWarning(
      `the relay is not remembered: ${file} cannot be written (${error.reason._tag})`,
    ),
  )
})
