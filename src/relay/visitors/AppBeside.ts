/**
 * An application at the relay's own address: it answers every path that the
 * relay does not reserve. See `RelayHttpServer.ts`.
 */
import * as Context from "effect/Context"
import type { Handler } from "../../transport/body/Handler.ts"

/** The application's handler; none unless one is provided. */
export const AppBeside: Context.Reference<Handler | undefined> = Context.Reference<
  Handler | undefined
>("ptth/relay/AppBeside", { defaultValue: () => undefined })

/** Whether the relay answers a path itself although there is an application. */
export const isReserved = (target: string): boolean =>
  /^\/(?:servers|frontend)(?:[/?]|$)|^\/(?:assets\/(?:style\.css|app\.js|(?:style|logo|live)-[0-9a-f]{16}\.\w+)|favicon\.svg)(?:\?|$)/.test(
    target,
  )
