/**
 * `ptth/fileserver`: the file server as a handler, and what makes a part of an
 * Effect HTTP app of it.
 */
export * as EffectApp from "../transport/app/EffectApp.ts"
export * as Handler from "../transport/body/Handler.ts"
export * as FileServer from "./FileServer.ts"
