/**
 * The engine of a relay's cluster, if its configuration has one in Redis or
 * Valkey. The client is loaded only then.
 */
import { hostname } from "node:os"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"

/** The name of this machine in the cluster. */
export const machineOf = ({ cluster }: RelayConfig): string => cluster?.id ?? hostname()

/** @param id this process's, where it is not the machine's */
export const layer = (config: RelayConfig, id = machineOf(config)): Layer.Layer<never> => {
  const { engine, name = "" } = config.cluster ?? {}
  if (engine === undefined || engine.startsWith("dns:")) return Layer.empty
  return Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("../../cluster/engine/RedisEngine.ts")),
      (RedisEngine) => RedisEngine.layer({ url: Redacted.make(engine), name, id }),
    ),
  )
}
