/**
 * Chooses what the owner of a server sees while it runs: a live view on a
 * terminal, a line for each request where that is asked for, or nothing but the
 * log.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { styleOf, type TerminalStream } from "../text/TerminalStyle.ts"
import { type OwnerView, type OwnerViewOptions, requestsOnly, silent } from "./OwnerView.ts"

/** Whether a view of this kind is possible on a stream. */
const isLive = (options: OwnerViewOptions, stream: TerminalStream): boolean =>
  !options.quiet && !options.logRequests && styleOf(stream).canMove

/** Makes the view, which lasts as long as the Scope. What is not needed is not loaded. */
export const make = Effect.fn("ViewChoice.make")(function* (
  options: OwnerViewOptions,
): Effect.fn.Return<OwnerView, never, Scope.Scope> {
  if (isLive(options, process.stdout)) {
    const LiveView = yield* Effect.promise(() => import("./LiveView.ts"))
    return yield* LiveView.make
  }
  // A terminal whose cursor does not move gets plain lines.
  if (!options.logRequests && (options.quiet || process.stdout.isTTY !== true)) return silent
  const RequestLog = yield* Effect.promise(() => import("./RequestLog.ts"))
  return requestsOnly(yield* RequestLog.make(options.logFormat))
})
