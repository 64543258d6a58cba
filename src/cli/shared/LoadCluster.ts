/**
 * Reads the key that a relay's `[cluster]` names, and tries the engine for
 * `ptth check`.
 */
import * as dns from "node:dns"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ClusterKey from "../../cluster/ClusterKey.ts"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { readText, refuseReadable } from "./NamedFile.ts"

const keyRemedy = "Make one with `ptth keygen --cluster`, the same for all machines."

/** Reads the cluster's key or keys; `where` is the place that names the file. */
export const loadClusterKeys = Effect.fn("LoadCluster.loadClusterKeys")(function* (
  path: string,
  where: string,
): Effect.fn.Return<ClusterKey.ClusterKeys, ConfigError, FileSystem.FileSystem> {
  const invalid = (detail: string): ConfigError =>
    single({
      code: "PTTH_CONFIG_INVALID",
      where,
      detail: `\`key_file\` ${path} ${detail}`,
      remedy: keyRemedy,
    })
  const text = yield* readText(path, invalid)
  const keys = yield* Effect.fromResult(Result.mapError(ClusterKey.parse(text), invalid))
  yield* refuseReadable(path, where)
  return keys
})

/** Whether a configuration has the password of an engine. */
export const holdsPassword = ({ cluster }: RelayConfig): boolean =>
  cluster?.engine !== undefined &&
  /^rediss?:/.test(cluster.engine) &&
  new URL(cluster.engine).password !== ""

type Cluster = NonNullable<RelayConfig["cluster"]>

const apart =
  "; without Redis or Valkey as its engine, approvals, usage of limits and the audit log stay with each machine"

const unnamed =
  "; it names no other machine by `engine` or `peers`, and waits for those that name it"

const unavailable = (where: string, detail: string, remedy: string): ConfigError =>
  single({ code: "PTTH_ENGINE_UNAVAILABLE", where, detail, remedy })

const checkRedis = Effect.fnUntraced(function* (engine: string, name: string, where: string) {
  const RedisEngine = yield* Effect.promise(() => import("../../cluster/engine/RedisEngine.ts"))
  const url = Redacted.make(engine)
  const at = RedisEngine.addressOf(url)
  yield* RedisEngine.probe({ url, name }).pipe(
    Effect.mapError(({ isRefusal, reason }) =>
      isRefusal
        ? unavailable(
            where,
            `the engine ${at} refuses this machine (${reason})`,
            "Check the user and password in `engine`, and what this user may do.",
          )
        : unavailable(
            where,
            `the engine ${at} cannot be reached from here (${reason})`,
            "Check the address in `engine`, whether the engine runs, and the network. A relay starts and serves without it.",
          ),
    ),
  )
  return `; its engine ${at} answers`
})

const checkDns = Effect.fnUntraced(function* (host: string, where: string) {
  const addresses = yield* Effect.tryPromise({
    try: () => dns.promises.lookup(host, { all: true }),
    catch: (error) =>
      unavailable(
        where,
        `${host} in \`engine\` cannot be resolved (${error instanceof Error && "code" in error ? error.code : error})`,
        "Check the name. A relay starts and serves without its peers.",
      ),
  })
  const count = addresses.length
  return `; ${host} has ${count} address${count === 1 ? "" : "es"}${apart}`
})

/** Checks the key and tries the engine; succeeds with what to add to the sentence that all is well. */
export const checkCluster = Effect.fn("LoadCluster.checkCluster")(function* (
  { engine, keyFile, name, peers }: Cluster,
  whereOf: (key: "key_file" | "engine") => string,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  if (keyFile !== undefined) yield* loadClusterKeys(keyFile, whereOf("key_file"))
  if (engine === undefined && peers.length === 0) return keyFile === undefined ? "" : unnamed
  if (engine === undefined) return apart
  const dnsName = /^dns:(.+):\d+$/.exec(engine)?.[1]
  return dnsName === undefined
    ? yield* checkRedis(engine, name, whereOf("engine"))
    : yield* checkDns(dnsName, whereOf("engine"))
})
