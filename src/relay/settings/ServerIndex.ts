/**
 * The servers of a configuration by their names: looked up for every request,
 * made once for every configuration.
 */
import type { RegisteredServer, RelayConfig } from "../../domain/config/RelayConfig.ts"

const indexes = new WeakMap<RelayConfig, ReadonlyMap<string, RegisteredServer>>()

/** The registered server of this name. */
export const find = (config: RelayConfig, name: string): RegisteredServer | undefined => {
  let index = indexes.get(config)
  if (index === undefined) {
    index = new Map(config.servers.map((server) => [server.name, server]))
    indexes.set(config, index)
  }
  return index.get(name)
}
