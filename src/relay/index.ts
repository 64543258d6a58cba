/**
 * `ptth/relay`: a relay inside an Effect app, by itself or beside the app's
 * own routes, and HTTP clients towards its servers.
 */
export * as ApiKey from "../domain/ApiKey.ts"
export * as ConfigError from "../domain/config/ConfigError.ts"
export * as RelayConfig from "../domain/config/RelayConfig.ts"
export * as AuditLog from "./audit/AuditLog.ts"
export * as Rendezvous from "./dispatch/Rendezvous.ts"
export * as Inspector from "./inspect/Inspector.ts"
export * as Relay from "./Relay.ts"
export * as RelayHttpClient from "./RelayHttpClient.ts"
export * as RelayHttpServer from "./RelayHttpServer.ts"
export * as RelayOptions from "./RelayOptions.ts"
export * as Servers from "./registry/Servers.ts"
export * as RelaySettings from "./settings/RelaySettings.ts"
export * as Traffic from "./traffic/Traffic.ts"
