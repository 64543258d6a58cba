/**
 * A relay's settings for programs that embed one: plain values, with the
 * defaults of the configuration for the rest.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { tripcodeOfText } from "../domain/ApiKey.ts"
import { type ConfigError, single } from "../domain/config/ConfigError.ts"
import { hostProblems } from "../domain/config/RelayChecks.ts"
import * as RelayConfig from "../domain/config/RelayConfig.ts"
import * as ListenAddress from "../domain/ListenAddress.ts"
import { isServerName } from "../domain/ServerName.ts"
import { isTripcode } from "../domain/Tripcode.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"

/** A server that may connect, by the tripcode of its key or by the key itself. */
export interface ServerEntry {
  readonly name: string
  /** What `ptth hash-api-key` prints; no secret. */
  readonly tripcode?: string
  readonly apiKey?: string | Redacted.Redacted<string>
  /** Shown on pages instead of the name. */
  readonly displayName?: string
}

/** See the file's header. */
export interface RelayOptions extends Partial<Omit<RelayConfig.RelayConfig, "listen" | "servers">> {
  /** `HOST:PORT`, where port 0 takes a free one; `127.0.0.1:4000` unless it is given. */
  readonly listen?: string
  readonly servers: ReadonlyArray<ServerEntry>
}

const invalid = (where: string, detail: string): ConfigError =>
  single({ code: "PTTH_CONFIG_INVALID", where, detail })

const registered = Effect.fnUntraced(function* ({
  apiKey,
  displayName,
  name,
  tripcode,
}: ServerEntry): Effect.fn.Return<RelayConfig.RegisteredServer, ConfigError> {
  if (!isServerName(name))
    return yield* invalid("servers", `${JSON.stringify(name)} is not a server's name`)
  const key = apiKey === undefined || typeof apiKey === "string" ? apiKey : Redacted.value(apiKey)
  const keyTripcode = tripcode ?? (key === undefined ? undefined : tripcodeOfText(key))
  if (keyTripcode === undefined || !isTripcode(keyTripcode))
    return yield* invalid("servers", `${name} has neither a tripcode nor a key`)
  return { ...RelayConfig.plainServer, name, tripcodes: [keyTripcode], displayName }
})

/** The configuration that options stand for; fails where they cannot be used. */
export const toConfig = Effect.fnUntraced(function* ({
  listen,
  servers,
  ...rest
}: RelayOptions): Effect.fn.Return<RelayConfig.RelayConfig, ConfigError> {
  const address = listen === undefined ? RelayConfig.empty.listen : ListenAddress.parse(listen)
  if (address === undefined)
    return yield* invalid("listen", `${JSON.stringify(listen)} is not ${ListenAddress.expected}`)
  const config = {
    ...RelayConfig.empty,
    ...rest,
    listen: address,
    servers: yield* Effect.forEach(servers, registered),
  }
  const names = config.servers.map(({ name }) => name)
  const [clash] = hostProblems(config, names)
  if (clash !== undefined) return yield* invalid("servers", clash.detail)
  return config
})

/** Settings that never change. */
export const layer = (options: RelayOptions): Layer.Layer<RelaySettings, ConfigError> =>
  Layer.unwrap(Effect.map(toConfig(options), RelaySettings.layerStatic))
