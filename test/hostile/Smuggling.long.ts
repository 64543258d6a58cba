/**
 * The long half of the smuggling tests: thousands of other mixtures on each way.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../support/Harness.ts"
import * as Proxies from "../support/Proxies.ts"
import { judgeAll, transports, way } from "./Smuggling.ts"

describe.each(transports)("thousands of mixtures of legal and illegal, over %s", (transport) => {
  it.live("mean to the origin what they mean to their sender, or nothing", () =>
    Effect.gen(function* () {
      const made = yield* way(transport, "nothing")
      yield* Harness.promised(() => judgeAll(made, 1_000, 4_000))
    }),
  )

  const reason = ["nginx", "openssl"].find((program) => !Proxies.isInstalled(program))
  it.live.skipIf(reason !== undefined)(
    `with nginx in front, too${reason === undefined ? "" : ` (skipped: ${reason} is not installed)`}`,
    () =>
      Effect.gen(function* () {
        const made = yield* way(transport, "nginx")
        yield* Harness.promised(() => judgeAll(made, 1_000, 2_000))
      }),
  )
})
