/**
 * What HTTP can do, to the origin itself and through every transport.
 */
import * as Effect from "effect/Effect"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import * as Harness from "../support/Harness.ts"
import { patiently } from "../support/PatientClock.ts"
import { type MakeTarget, suite } from "./WhatHttpCanDo.ts"

const direct: MakeTarget = (origin) =>
  Effect.succeed({
    host: origin.hostname,
    port: Number(origin.port),
    prefix: "",
    isTunnel: false,
  })

const through = (transport: "classic" | "stream"): MakeTarget =>
  Effect.fnUntraced(function* (origin) {
    const relay = yield* Harness.relay({ servers: ["app"] })
    const to = yield* Effect.acquireRelease(
      Effect.sync(() => Upstream.make({ origin })),
      ({ close }) => Effect.sync(close),
    )
    yield* Harness.server(relay, "app", to.handler, { transport })
    return { host: relay.host, port: relay.port, prefix: "/servers/app", isTunnel: true }
  }, patiently)

suite("direct", direct)
suite("classic", through("classic"))
suite("stream", through("stream"))
