/**
 * `ptth/server`: an Effect HTTP app, or any handler, behind a relay.
 */
export * as ApiKey from "../domain/ApiKey.ts"
export * as ConfigError from "../domain/config/ConfigError.ts"
export * as EffectApp from "../transport/app/EffectApp.ts"
export * as EffectBody from "../transport/app/EffectBody.ts"
export * as EffectExchange from "../transport/app/EffectExchange.ts"
export * as Body from "../transport/body/Body.ts"
export * as Handler from "../transport/body/Handler.ts"
export * as Server from "./Server.ts"
export * as TunnelHttpServer from "./TunnelHttpServer.ts"
