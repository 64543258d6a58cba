/**
 * Writes the relay's access log while one is configured.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Peers } from "../../cluster/Peers.ts"
import * as AccessLog from "../../transport/observe/AccessLog.ts"
import * as LogFile from "../settings/LogFile.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { clientAddress } from "../settings/TrustedProxies.ts"
import { Traffic } from "./Traffic.ts"

/** Logs while the layer is alive. */
export const layer: Layer.Layer<never, never, RelaySettings | Traffic> = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* RelaySettings
    const traffic = yield* Traffic
    const clock = yield* Clock.Clock
    const { isAlone, self } = yield* Peers
    const relay = isAlone ? undefined : self.id
    yield* LogFile.follow({
      name: "access log",
      unit: "lines",
      isShared: self.worker !== undefined,
      wanted: ({ accessLog: format, accessLogFile: path }) =>
        format === "off" ? undefined : { format, path },
      isSame: (one, other) => one.format === other.format && one.path === other.path,
      pathOf: ({ path }) => path,
      feed: ({ format }, append) =>
        traffic.listen((visit) => {
          const { trustedProxies } = settings.current()
          const address = clientAddress(trustedProxies, visit.address, visit.head?.headers ?? [])
          const at = clock.currentTimeMillisUnsafe()
          append(AccessLog.line(format, visit, { at, address, traceId: visit.traceId, relay }))
        }),
    })
  }),
)
