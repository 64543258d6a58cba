/**
 * An application at the relay's own address: it is asked for everything that
 * is not the relay's. See `RelayHttpServer.ts`.
 */
import * as Context from "effect/Context"
import type { Handler } from "../../transport/body/Handler.ts"

/** The application's handler; none unless one is provided. */
export const AppBeside: Context.Reference<Handler | undefined> = Context.Reference<
  Handler | undefined
>("ptth/relay/AppBeside", { defaultValue: () => undefined })

/** Whether the relay keeps a path for itself although there is an application. */
export const isRelays = (target: string): boolean =>
  /^\/(?:servers|frontend)(?:[/?]|$)|^\/(?:assets\/(?:style\.css|app\.js)|favicon\.svg)(?:\?|$)/.test(
    target,
  )
