/**
 * `ptth/relay`: a relay inside an Effect app, by itself or beside the app's
 * own routes, and HTTP clients towards its servers.
 */
export * as ApiKey from "../domain/ApiKey.ts"
export * as ConfigError from "../domain/ConfigError.ts"
export * as RelayConfig from "../domain/RelayConfig.ts"
export * as AuditLog from "./AuditLog.ts"
export * as Inspector from "./Inspector.ts"
export * as Relay from "./Relay.ts"
export * as RelayHttpClient from "./RelayHttpClient.ts"
export * as RelayHttpServer from "./RelayHttpServer.ts"
export * as RelayOptions from "./RelayOptions.ts"
export * as RelaySettings from "./RelaySettings.ts"
export * as Rendezvous from "./Rendezvous.ts"
export * as Servers from "./Servers.ts"
export * as Traffic from "./Traffic.ts"
