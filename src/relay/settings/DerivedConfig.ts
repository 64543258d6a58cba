/**
 * A configuration with the tables that are derived from it. They are computed
 * once when the configuration is loaded, and used for every request.
 */
import type { RegisteredServer, RelayConfig } from "../../domain/config/RelayConfig.ts"
import { type AuthSecrets, secretsOf } from "./AuthSecrets.ts"
import { quotasOf, type RequestQuotas } from "./RequestQuotas.ts"
import { type HostTable, hostsOf, ownHostsOf } from "./Subdomains.ts"

/** See the file's header. */
export interface DerivedConfig {
  readonly config: RelayConfig
  /** The registered servers by name. */
  readonly servers: ReadonlyMap<string, RegisteredServer>
  /** The hosts of servers; `undefined` without `domain`. */
  readonly hosts: HostTable | undefined
  /** The names of the relay itself; see {@link ownHostsOf}. */
  readonly ownHosts: ReadonlyArray<string>
  readonly quotas: RequestQuotas
  readonly authSecrets: AuthSecrets | undefined
  /** Whether connections to any server are passed on unread. */
  readonly hasPassthrough: boolean
}

/** Computes the tables. */
export const derive = (config: RelayConfig): DerivedConfig => ({
  config,
  servers: new Map(config.servers.map((server) => [server.name, server])),
  hosts: hostsOf(config),
  ownHosts: ownHostsOf(config),
  quotas: quotasOf(config),
  authSecrets: secretsOf(config),
  hasPassthrough: config.servers.some(({ tls }) => tls === "passthrough"),
})
