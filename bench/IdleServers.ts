/**
 * Many servers of one relay that do nothing, in one process: run by
 * `bench/scale.ts` and `bench/idle.ts` with the relay's address and their number.
 */
import * as Effect from "effect/Effect"
import { make } from "../src/domain/ApiKey.ts"
import type { ServerName } from "../src/domain/ServerName.ts"
import { prefix } from "../src/protocol/Wire.ts"
import { keep } from "../src/server/stream/StreamConnection.ts"
import { fromText } from "../src/transport/body/Body.ts"
import * as NodeClient from "../src/transport/client/NodeClient.ts"
import { LineWindows } from "../src/transport/mux/LineWindows.ts"
import * as Deadlines from "../src/transport/runtime/Deadlines.ts"
import { RunningClock } from "../src/transport/runtime/RunningClock.ts"
import { idleKey, idleName } from "./IdleNames.ts"

const [relayUrl = "", count = "0"] = process.argv.slice(2)
const opening = 64

const main = Effect.gen(function* () {
  const deadlines = yield* Deadlines.make
  const clock = new RunningClock(deadlines)
  const client = NodeClient.make({ origin: new URL(relayUrl), proxies: false })
  let alive = 0
  const one = (i: number): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const link = keep({
        client,
        basePath: prefix,
        name: idleName(i) as ServerName,
        apiKey: make(idleKey(i)),
        instance: `idle-${i}`,
        program: undefined,
        link: 0,
        have: [],
        deadlines,
        clock,
        heartbeatMillis: 15_000,
        lines: new LineWindows(),
        handler: (_head, _body, reply) => {
          reply.respond({ status: 200, headers: [] }, fromText("idle"))
          return () => {}
        },
        onAlive: () => {
          alive += 1
          resume(Effect.void)
        },
        onRelays: () => {},
        onState: () => {},
      })
      Effect.runFork(
        Effect.catch(link, (error) =>
          Effect.sync(() => {
            process.stderr.write(`${idleName(i)}: ${error.detail}\n`)
            process.exit(1)
          }),
        ),
      )
    })
  yield* Effect.forEach(
    Array.from({ length: Number(count) }, (_, i) => i),
    one,
    { concurrency: opening, discard: true },
  )
  process.stdout.write(`alive ${alive}\n`)
  return yield* Effect.never
})

process.on("SIGTERM", () => process.exit(0))
Effect.runFork(Effect.scoped(main))
