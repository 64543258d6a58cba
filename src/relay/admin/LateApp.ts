/**
 * The administrator's pages and API, loaded by the first request to them: they
 * take more memory than the relay's own work, and most relays are seldom asked.
 */
import * as Effect from "effect/Effect"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel, Handler } from "../../transport/body/Handler.ts"
import type * as AdminApp from "./AdminApp.ts"
import type { Caller } from "./core/Caller.ts"
import { LoginLink } from "./core/LoginLink.ts"

type AppFor = (caller: Caller["Service"]) => Handler

const notLoaded = new ExchangeError({
  code: "PTTH_INTERNAL",
  detail: "the administrator's pages could not be loaded",
})

/** As `AdminApp.make`, which it calls when it is needed. */
export const make = Effect.fnUntraced(function* (
  links: LoginLink["Service"],
): Effect.fn.Return<AppFor, never, Exclude<Effect.Services<typeof AdminApp.make>, LoginLink>> {
  const context = yield* Effect.context<Exclude<Effect.Services<typeof AdminApp.make>, LoginLink>>()
  const load = Effect.flatMap(
    Effect.promise(() => import("./AdminApp.ts")),
    (app) => Effect.provideService(app.make, LoginLink, links),
  ).pipe(
    Effect.tapCause((cause) =>
      Effect.logError("the administrator's pages cannot be loaded", cause),
    ),
  )
  let loading: Promise<void> | undefined
  let loaded: AppFor | undefined
  return (caller) =>
    (head, body, reply): Cancel => {
      if (loaded !== undefined) return loaded(caller)(head, body, reply)
      let cancel: Cancel = () => {
        cancel = () => {}
        isCancelled = true
        body.discard()
      }
      let isCancelled = false
      loading ??= Effect.runPromiseWith(context)(load).then((app) => {
        loaded = app
      })
      loading.then(
        () => {
          if (!isCancelled && loaded !== undefined) cancel = loaded(caller)(head, body, reply)
        },
        () => {
          cancel()
          reply.fail(notLoaded)
        },
      )
      return () => cancel()
    }
})
