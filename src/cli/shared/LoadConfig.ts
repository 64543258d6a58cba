/**
 * Finds a configuration and reads it: flags beat the environment, which beats
 * the file. The file is the named one, or the first of the usual places.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type { Override } from "../../domain/config/ConfigDecode.ts"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"
import * as RelayConfig from "../../domain/config/RelayConfig.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { loadCertificate } from "./LoadCertificate.ts"

/** Where a configuration is looked for, in this order, if none is named. */
export const places = (file: string): ReadonlyArray<string> => [`./${file}`, `./config/${file}`]

/** The file of the relay. */
export const relayFile = "ptth_relay.toml"

/** The file of the server. */
export const serverFile = "ptth_server.toml"

/** What a configuration is read from. */
export interface Sources {
  /** The file that is named; otherwise the usual places are tried. */
  readonly configPath: Option.Option<string>
  /** What flags say. */
  readonly overrides: ReadonlyArray<Override>
  readonly env: { readonly [name: string]: string | undefined }
}

/** A configuration and the file it was found in, if there was one. */
export interface Loaded<A> {
  readonly config: A
  readonly path: string | undefined
}

interface Found {
  readonly path: string | undefined
  readonly text: string
}

const notThere = (error: PlatformError): boolean => error.reason._tag === "NotFound"

const unreadable = (path: string, error: PlatformError): ConfigError =>
  notThere(error)
    ? single({ code: "PTTH_CONFIG_MISSING", where: path, detail: "there is no such file" })
    : single({
        code: "PTTH_CONFIG_UNREADABLE",
        where: path,
        detail: `it cannot be read (${error.reason._tag})`,
      })

/** Reads a named file. */
export const readNamed = (
  path: string,
): Effect.Effect<string, ConfigError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    Effect.mapError(fs.readFileString(path), (error) => unreadable(path, error)),
  )

/** Reads the named file or the first that is there; none is an empty configuration. */
const find = (
  configPath: Option.Option<string>,
  file: string,
): Effect.Effect<Found, ConfigError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    if (Option.isSome(configPath)) {
      return { path: configPath.value, text: yield* readNamed(configPath.value) }
    }
    const fs = yield* FileSystem.FileSystem
    for (const path of places(file)) {
      const text = yield* fs.readFileString(path).pipe(
        Effect.asSome,
        Effect.catch((error) =>
          notThere(error)
            ? Effect.succeed(Option.none<string>())
            : Effect.fail(unreadable(path, error)),
        ),
      )
      if (Option.isSome(text)) return { path, text: text.value }
    }
    return { path: undefined, text: "" }
  })

/** The folder of further files that register servers: beside the configuration, which is looked for here if none is named. */
export const serversFolder = (path: string | undefined): string =>
  NodePath.join(NodePath.dirname(path ?? `./${relayFile}`), "servers.d")

/** The files of {@link serversFolder}, in the order of their names; none if there is no such folder. */
export const readParts = Effect.fn("LoadConfig.readParts")(function* (
  folder: string,
): Effect.fn.Return<ReadonlyArray<RelayConfig.ServersPart>, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs
    .readDirectory(folder)
    .pipe(
      Effect.catch((error) =>
        notThere(error) ? Effect.succeed([]) : Effect.fail(unreadable(folder, error)),
      ),
    )
  const files = names.filter((name) => name.endsWith(".toml") && !name.startsWith(".")).sort()
  return yield* Effect.forEach(files, (name) => {
    const file = NodePath.join(folder, name)
    return Effect.map(readNamed(file), (text) => ({ file, text }))
  })
})

/** Reads the relay's configuration; without a file it is that of environment, flags and defaults. */
export const loadRelay = Effect.fn("LoadConfig.loadRelay")(function* (
  sources: Sources,
): Effect.fn.Return<Loaded<RelayConfig.RelayConfig>, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, relayFile)
  const overrides = [...RelayConfig.fromEnvironment(sources.env), ...sources.overrides]
  return { config: yield* completeRelay(path, text, overrides), path }
})

/** What {@link loadRelay} would bring into force, and where each value comes from. */
export const explainRelay = Effect.fn("LoadConfig.explainRelay")(function* (
  sources: Sources,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, relayFile)
  const overrides = [...RelayConfig.fromEnvironment(sources.env), ...sources.overrides]
  yield* completeRelay(path, text, overrides)
  const parts = yield* readParts(serversFolder(path))
  return yield* Effect.fromResult(RelayConfig.explain(text, { file: path, parts, overrides }))
})

/** The relay's configuration in a text, with all files that belong to it, or what is wrong with any of them. */
export const completeRelay = Effect.fn("LoadConfig.completeRelay")(function* (
  path: string | undefined,
  text: string,
  overrides: ReadonlyArray<Override>,
): Effect.fn.Return<RelayConfig.RelayConfig, ConfigError, FileSystem.FileSystem> {
  const parts = yield* readParts(serversFolder(path))
  const { certificate, config } = yield* Effect.fromResult(
    RelayConfig.decodeNaming(text, { file: path, parts, overrides }),
  )
  if (certificate === undefined) return config
  return { ...config, tls: yield* loadCertificate(certificate) }
})

/** Refuses a file with a secret that anybody but its owner can read or write. Windows has no such modes. */
export const refuseExposed = Effect.fn("LoadConfig.refuseExposed")(function* (
  path: string,
  text: string,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  if (process.platform === "win32" || !ServerConfig.holdsSecret(text)) return
  const fs = yield* FileSystem.FileSystem
  const { mode } = yield* Effect.mapError(fs.stat(path), (error) => unreadable(path, error))
  if ((mode & 0o077) === 0) return
  yield* single({
    code: "PTTH_CONFIG_EXPOSED",
    where: path,
    detail: `it holds a key and its mode is ${(mode & 0o777).toString(8).padStart(4, "0")}, so that others can get at it`,
    remedy: `Run \`chmod 600 ${path}\`.`,
  })
})

/** What {@link loadServer} would bring into force, and where each value comes from. */
export const explainServer = Effect.fn("LoadConfig.explainServer")(function* (
  sources: Sources,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const { path, text } = yield* find(sources.configPath, serverFile)
  const overrides = [...ServerConfig.fromEnvironment(sources.env), ...sources.overrides]
  return yield* Effect.fromResult(ServerConfig.explain(text, { file: path, overrides }))
})

/** Reads the server's configuration, of which parts may be missing. */
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
