/**
 * `ptth/server`: an Effect HTTP app, or any handler, behind a relay.
 */
export * as ApiKey from "../domain/ApiKey.ts"
export * as ConfigError from "../domain/ConfigError.ts"
export * as Body from "../transport/Body.ts"
export * as EffectApp from "../transport/EffectApp.ts"
export * as EffectBody from "../transport/EffectBody.ts"
export * as EffectExchange from "../transport/EffectExchange.ts"
export * as Handler from "../transport/Handler.ts"
export * as Server from "./Server.ts"
export * as TunnelHttpServer from "./TunnelHttpServer.ts"
