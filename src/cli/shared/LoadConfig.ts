/**
 * Finds, reads and decodes configurations. Flags take precedence over the
 * environment, and that over the file, which is the named one or the first that
 * exists in the usual places.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { ClusterKeys } from "../../cluster/ClusterKey.ts"
import type { Override } from "../../domain/config/ConfigDecode.ts"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"
import * as RelayConfig from "../../domain/config/RelayConfig.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import type { Certificate } from "../../transport/net/Certificate.ts"
import { loadCertificate } from "./LoadCertificate.ts"
import { holdsPassword, loadClusterKeys } from "./LoadCluster.ts"
import { loadClientSecret } from "./LoadOidc.ts"
import { exposed, refuseReadable } from "./NamedFile.ts"

/** The usual places of a configuration, in order of precedence. */
export const places = (file: string): ReadonlyArray<string> => [`./${file}`, `./config/${file}`]

/** The name of the relay's file. */
export const relayFile = "ptth_relay.toml"

/** The name of the server's file. */
export const serverFile = "ptth_server.toml"

/** The sources of a configuration. */
export interface Sources {
  /** The named file; without it the usual places are tried. */
  readonly configPath: Option.Option<string>
  /** Overrides by flags. */
  readonly overrides: ReadonlyArray<Override>
  readonly env: { readonly [name: string]: string | undefined }
}

/** A configuration and the path of its file, if there is one. */
export interface Loaded<A> {
  readonly config: A
  readonly path: string | undefined
}

interface ConfigText {
  readonly path: string | undefined
  readonly text: string
}

const isMissing = (error: PlatformError): boolean => error.reason._tag === "NotFound"

const unreadable = (path: string, error: PlatformError): ConfigError =>
  isMissing(error)
    ? single({ code: "PTTH_CONFIG_MISSING", where: path, detail: "there is no such file" })
    : single({
        code: "PTTH_CONFIG_UNREADABLE",
        where: path,
        detail: `it cannot be read (${error.reason._tag})`,
      })

const isFolder = (error: PlatformError): boolean => {
  const { cause } = error.reason
  return cause instanceof Error && "code" in cause && cause.code === "EISDIR"
}

/**
 * Reads a named file.
 *
 * @param missing what to do if it does not exist, as a sentence
 */
export const readNamed = (
  path: string,
  missing?: string,
): Effect.Effect<string, ConfigError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    Effect.mapError(fs.readFileString(path), (error) => {
      if (isFolder(error))
        return single({
          code: "PTTH_CONFIG_UNREADABLE",
          where: path,
          detail: "it is a folder",
          remedy: "Name the file in it.",
        })
      const [problem] = unreadable(path, error).problems
      return single(isMissing(error) ? { ...problem, remedy: missing } : problem)
    }),
  )

/** Reads the named file or the first that exists; without one the text is empty. */
const find = Effect.fn("LoadConfig.find")(function* (
  configPath: Option.Option<string>,
  file: string,
): Effect.fn.Return<ConfigText, ConfigError, FileSystem.FileSystem> {
  if (Option.isSome(configPath)) {
    const path = configPath.value
    return { path, text: yield* readNamed(path, "Check the path given by --config-path.") }
  }
  const fs = yield* FileSystem.FileSystem
  for (const path of places(file)) {
    const text = yield* fs.readFileString(path).pipe(
      Effect.asSome,
      Effect.catch((error) =>
        isMissing(error)
          ? Effect.succeed(Option.none<string>())
          : Effect.fail(unreadable(path, error)),
      ),
    )
    if (Option.isSome(text)) return { path, text: text.value }
  }
  return { path: undefined, text: "" }
})

/** The path of the relay's file, which may be invalid; `undefined` if there is none. */
export const relayPath = (
  configPath: Option.Option<string>,
): Effect.Effect<string | undefined, ConfigError, FileSystem.FileSystem> =>
  Effect.map(find(configPath, relayFile), ({ path }) => path)

/** The folder `servers.d` beside the configuration, or in the working directory if there is none. */
export const serversFolder = (path: string | undefined): string =>
  NodePath.join(NodePath.dirname(path ?? `./${relayFile}`), "servers.d")

/** Reads the files of {@link serversFolder} in the order of their names; none if the folder does not exist. */
export const readParts = Effect.fn("LoadConfig.readParts")(function* (
  folder: string,
): Effect.fn.Return<ReadonlyArray<RelayConfig.ServersPart>, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs
    .readDirectory(folder)
    .pipe(
      Effect.catch((error) =>
        isMissing(error) ? Effect.succeed([]) : Effect.fail(unreadable(folder, error)),
      ),
    )
  const files = names.filter((name) => name.endsWith(".toml") && !name.startsWith(".")).sort()
  return yield* Effect.forEach(files, (name) => {
    const file = NodePath.join(folder, name)
    return Effect.map(readNamed(file), (text) => ({ file, text }))
  })
})

/** What a relay's configuration is loaded from, as read from its files. */
export interface RelayTexts {
  /** Of the configuration; `undefined` if there is none. */
  readonly path: string | undefined
  readonly text: string
  /** The files of `servers.d`. */
  readonly parts: ReadonlyArray<RelayConfig.ServersPart>
  readonly tls: Certificate | undefined
  /** Of `[oidc]`. */
  readonly clientSecret: Redacted.Redacted<string> | undefined
  /** Of `[cluster]`. */
  readonly clusterKeys: ClusterKeys | undefined
}

/** A relay's configuration and what it was loaded from. */
export interface LoadedRelay extends Loaded<RelayConfig.RelayConfig> {
  readonly texts: RelayTexts
}

/** Decodes the text of a relay's configuration. */
type DecodeRelay = typeof RelayConfig.decodeNaming

/**
 * Decodes a relay's configuration, and gives the last result again while the texts are
 * the same: a relay reads its files every minute, and few of them ever change.
 */
export const makeRelayDecoder = (): DecodeRelay => {
  let last: { readonly input: unknown; readonly result: ReturnType<DecodeRelay> } | undefined
  return (text, options) => {
    const input = [text, options]
    if (last === undefined || !Equal.equals(last.input, input))
      last = { input, result: RelayConfig.decodeNaming(text, options) }
    return last.result
  }
}

const relayOverrides = ({ env, overrides }: Sources): ReadonlyArray<Override> => [
  ...RelayConfig.fromEnvironment(env),
  ...overrides,
]

/**
 * Loads the relay's configuration; the file is optional.
 *
 * @param decode of {@link makeRelayDecoder}, if it is loaded again and again
 */
export const loadRelay = Effect.fn("LoadConfig.loadRelay")(function* (
  sources: Sources,
  decode: DecodeRelay = RelayConfig.decodeNaming,
): Effect.fn.Return<LoadedRelay, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, relayFile)
  const { config, parts } = yield* completeRelay(path, text, relayOverrides(sources), decode)
  const keyFile = config.cluster?.keyFile
  const clusterKeys =
    keyFile === undefined ? undefined : yield* loadClusterKeys(keyFile, path ?? "the configuration")
  const clientSecret = config.oidc?.clientSecret
  return { config, path, texts: { path, text, parts, tls: config.tls, clientSecret, clusterKeys } }
})

/** Decodes what {@link loadRelay} has read before, with these flags and this environment. */
export const decodeRelay = (
  texts: RelayTexts,
  sources: Sources,
): Result.Result<LoadedRelay, ConfigError> => {
  const { clientSecret, parts, path, text, tls } = texts
  const overrides = relayOverrides(sources)
  return Result.map(
    RelayConfig.decodeNaming(text, { file: path, parts, overrides }),
    (decoded) => ({ config: withFiles(decoded, { tls, clientSecret }), path, texts }),
  )
}

/** Prints what {@link loadRelay} loads, with the source of each value. */
export const explainRelay = Effect.fn("LoadConfig.explainRelay")(function* (
  sources: Sources,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, relayFile)
  const overrides = relayOverrides(sources)
  const { parts } = yield* completeRelay(path, text, overrides)
  return yield* Effect.fromResult(RelayConfig.explain(text, { file: path, parts, overrides }))
})

/** The same for what {@link loadRelay} has read before; empty if that is invalid. */
export const explainTexts = ({ parts, path, text }: RelayTexts, sources: Sources): string =>
  Result.getOrElse(
    RelayConfig.explain(text, { file: path, parts, overrides: relayOverrides(sources) }),
    () => "",
  )

/** A decoded configuration of a relay with what was read from the files that it names. */
export const withFiles = (
  { certificate, config, oidc }: RelayConfig.Decoded,
  { clientSecret, tls }: Pick<RelayTexts, "clientSecret" | "tls">,
): RelayConfig.RelayConfig => ({
  ...config,
  tls: certificate && tls,
  oidc: oidc && clientSecret && { ...oidc.table, clientSecret },
})

/** A relay's configuration with its certificate, and the files of `servers.d`. */
interface CompletedRelay {
  readonly config: RelayConfig.RelayConfig
  readonly parts: ReadonlyArray<RelayConfig.ServersPart>
}

/** Decodes the text of a relay's configuration together with `servers.d` and the certificate. */
const completeRelay = Effect.fn("LoadConfig.completeRelay")(function* (
  path: string | undefined,
  text: string,
  overrides: ReadonlyArray<Override>,
  decode: DecodeRelay = RelayConfig.decodeNaming,
): Effect.fn.Return<CompletedRelay, ConfigError, FileSystem.FileSystem> {
  const parts = yield* readParts(serversFolder(path))
  const decoded = yield* Effect.fromResult(decode(text, { file: path, parts, overrides }))
  const { certificate, config, oidc } = decoded
  if (path !== undefined && holdsPassword(config)) yield* refuseReadable(path, path)
  const clientSecret = oidc && (yield* loadClientSecret(oidc.secret))
  const tls = certificate && (yield* loadCertificate(certificate))
  return { config: withFiles(decoded, { tls, clientSecret }), parts }
})

/** Fails if a file with a secret can be read or written by others than its owner. Not checked on Windows, which has no such modes. */
export const refuseExposed = Effect.fn("LoadConfig.refuseExposed")(function* (
  path: string,
  text: string,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  if (process.platform === "win32" || !ServerConfig.holdsSecret(text)) return
  const fs = yield* FileSystem.FileSystem
  const { mode } = yield* Effect.mapError(fs.stat(path), (error) => unreadable(path, error))
  if ((mode & 0o077) !== 0) yield* exposed(path, path, mode, "it contains a key")
})

/** Prints what {@link loadServer} loads, with the source of each value. */
export const explainServer = Effect.fn("LoadConfig.explainServer")(function* (
  sources: Sources,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, serverFile)
  const overrides = [...ServerConfig.fromEnvironment(sources.env), ...sources.overrides]
  return yield* Effect.fromResult(ServerConfig.explain(text, { file: path, overrides }))
})

/** Loads the server's configuration, of which parts may be missing. */
export const loadServer = Effect.fn("LoadConfig.loadServer")(function* (
  sources: Sources,
): Effect.fn.Return<Loaded<ServerConfig.ServerSettings>, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, serverFile)
  if (path !== undefined) yield* refuseExposed(path, text)
  const config = yield* Effect.fromResult(
    ServerConfig.decodeSettings(text, {
      file: path,
      overrides: [...ServerConfig.fromEnvironment(sources.env), ...sources.overrides],
    }),
  )
  return { config, path }
})
