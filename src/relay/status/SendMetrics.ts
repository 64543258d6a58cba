/**
 * Exports the relay's metrics if telemetry is configured.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Engine } from "../../cluster/engine/Engine.ts"
import { Peers } from "../../cluster/Peers.ts"
import { Telemetry } from "../../transport/observe/Telemetry.ts"
import { Certificates } from "../certificates/Certificates.ts"
import { Rendezvous } from "../dispatch/Rendezvous.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { Traffic } from "../traffic/Traffic.ts"
import * as RelayMetrics from "./RelayMetrics.ts"

/** Exports while the layer is alive. */
export const layer: Layer.Layer<never, never, RelaySettings | Rendezvous | Traffic> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const telemetry = yield* Telemetry
      if (telemetry === undefined) return
      const settings = yield* RelaySettings
      const rendezvous = yield* Rendezvous
      const traffic = yield* Traffic
      const peers = yield* Peers
      const engine = yield* Engine
      const certificates = yield* Certificates
      const { version } = telemetry
      yield* telemetry.metrics(() =>
        RelayMetrics.read({ settings, rendezvous, traffic, peers, engine, certificates, version }),
      )
    }),
  )
