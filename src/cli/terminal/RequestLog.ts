/**
 * A line on standard output for each request that has ended: for people, or as
 * JSON with the members of the relay's access log.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Handler } from "../../transport/body/Handler.ts"
import * as AccessLog from "../../transport/observe/AccessLog.ts"
import { LineFile } from "../../transport/observe/LineFile.ts"
import { styleOf } from "../text/TerminalStyle.ts"
import { RequestFeed } from "./RequestFeed.ts"
import * as RequestLine from "./RequestLine.ts"
import type { WatchedRequest } from "./WatchedRequest.ts"

/** How long writing the last lines may take, in milliseconds. */
const closeMillis = 1_000

/** The width of lines that are not for a terminal, whose paths are not cut. */
const unlimited = 10_000

/** Writes lines until the Scope is closed; the result lets it know a handler's requests. */
export const make = Effect.fnUntraced(function* (
  format: "text" | "json",
): Effect.fn.Return<(handler: Handler, name: string) => Handler, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const file = new LineFile({
    path: undefined,
    onFailure: (reason) => {
      run(Effect.logWarning(`requests cannot be logged to standard output (${reason})`))
    },
    onRecovered: (lost) => {
      run(Effect.logInfo(`requests are logged again; lines lost: ${lost}`))
    },
  })
  yield* Effect.addFinalizer(() =>
    Effect.callback<void>((resume) => file.close(() => resume(Effect.void))).pipe(
      Effect.timeoutOption(closeMillis),
    ),
  )
  const now = () => clock.currentTimeMillisUnsafe()
  const style = styleOf(process.stdout)
  const names = new Set<string>()
  const lineOf = (request: WatchedRequest): string =>
    format === "json"
      ? AccessLog.line("json", request, { at: now(), address: request.address })
      : `${RequestLine.ended(request, style, process.stdout.columns || unlimited, names.size > 1).trimStart()}\n`
  const feed = new RequestFeed({ onEnd: (request) => file.append(lineOf(request)) }, now)
  return (handler, name) => {
    names.add(name)
    return feed.watch(handler, name)
  }
})
