/**
 * The peers of a relay by its configuration: its workers and the machines of
 * `[cluster]`. A relay by itself has none, and loads none of this.
 */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { ClusterKeys } from "../../cluster/ClusterKey.ts"
import * as Slots from "../../cluster/engine/Slots.ts"
import { Membership, type MembershipShape, merged } from "../../cluster/Membership.ts"
import * as ConfiguredMembership from "../../cluster/membership/ConfiguredMembership.ts"
import type * as RedisMembership from "../../cluster/membership/RedisMembership.ts"
import * as PeerMesh from "../../cluster/peers/PeerMesh.ts"
import type { PeerNetworkError } from "../../cluster/peers/PeerNetwork.ts"
import * as PeerSockets from "../../cluster/peers/PeerSockets.ts"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { hopVersions } from "../../protocol/peer/PeerControl.ts"
import { digestOf } from "../../relay/peers/ConfigDigest.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import { type BindError, bindError, named } from "../../transport/front/NodeFront.ts"
import { ownAddress } from "../../transport/net/OwnAddress.ts"
import { machineOf } from "./ClusterEngine.ts"
import type { RelayTexts } from "./LoadConfig.ts"
import { version } from "./Version.ts"

/** One of several workers of this machine. */
export interface WorkerPlace {
  /** Counted from 0; also added to the port of `[cluster] listen`. */
  readonly number: number
  /** The unix socket on which it listens for the others, as in `Member.at`. */
  readonly at: string
  /** The workers of this machine. */
  readonly members: MembershipShape
  /** Succeeds when the supervisor is gone: one that is started again wants the ports. */
  readonly released: Effect.Effect<void>
}

type Cluster = NonNullable<RelayConfig["cluster"]>

/** A relay's configuration as it was loaded. */
export interface ClusterStart {
  /** What the last load that succeeded has read. */
  readonly lastValid: () => Pick<RelayTexts, "clusterKeys">
}

/**
 * The keys of the cluster. They are read together with the configuration, so that
 * a key is changed without a restart; while either is invalid, the keys before stay
 * in force. Another `key_file` is used from the next start on.
 */
export const keysOf = (
  { current }: Pick<RelaySettings["Service"], "current">,
  { lastValid }: ClusterStart,
): (() => ClusterKeys | undefined) => {
  const keyFile = current().cluster?.keyFile
  let keys = lastValid().clusterKeys
  return () => {
    if (current().cluster?.keyFile === keyFile) keys = lastValid().clusterKeys
    return keys
  }
}

/** The peers of a relay, or of one of its workers. */
export const layer = (
  start: ClusterStart,
  worker?: WorkerPlace,
): Layer.Layer<never, ConfigError | BindError, RelaySettings | FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const config = settings.current()
      const { cluster } = config
      if (cluster === undefined && worker === undefined) return Layer.empty
      const machine = machineOf(config)
      const id = worker === undefined ? machine : `${machine}.${worker.number}`
      const incarnation = randomUUID()
      const address = addressesOf(cluster, worker)
      const digest = () => digestOf(settings.current())
      const slot = yield* Slots.make(Slots.slotOf(machine, worker?.number), incarnation)
      const lease = (): RedisMembership.Lease => ({
        at: address.advertised,
        version,
        hop: hopVersions,
        config: digest(),
        slot: slot(),
        run: incarnation,
      })
      const members = worker === undefined ? [] : [worker.members]
      if (cluster !== undefined) members.push(yield* ConfiguredMembership.make(cluster, id, lease))
      return PeerMesh.layer({
        id,
        incarnation,
        machine,
        worker: worker?.number,
        program: version,
        digest,
        slot,
        network: PeerSockets.make(keysOf(settings, start)),
        listen: address.listen,
        advertise: address.told,
        released: worker?.released,
      }).pipe(
        Layer.provide(Layer.succeed(Membership, Membership.of(merged(members)))),
        Layer.catch((error: PeerNetworkError) => Layer.effectDiscard(cannotListen(error))),
      )
    }),
  )

const cannotListen = ({ at, detail }: PeerNetworkError): BindError =>
  named(
    bindError(at.replace(/^tcp:/, ""), Object.assign(new Error(detail), { code: detail })),
    "the address for other relays, `listen` of `[cluster]`",
  )

/** Where a relay listens for others, and where they reach it. */
interface Addresses {
  readonly listen: ReadonlyArray<string>
  /** What the relay itself announces to others; they replace a host that stands for every address. */
  readonly told: string | undefined
  /** What others read in the engine. */
  readonly advertised: string
}

const addressesOf = (cluster: Cluster | undefined, worker: WorkerPlace | undefined): Addresses => {
  /** Each worker has a port of its own. */
  const own = ({ host, port }: ListenAddress.ListenAddress): ListenAddress.ListenAddress => ({
    host,
    port: port === 0 ? 0 : port + (worker?.number ?? 0),
  })
  const format = (address: ListenAddress.ListenAddress): string =>
    `tcp:${ListenAddress.format(own(address))}`
  const local = worker === undefined ? [] : [worker.at]
  if (cluster?.listen === undefined)
    return { listen: local, told: undefined, advertised: worker?.at ?? "" }
  const { advertise, listen } = cluster
  const reached =
    advertise ??
    (ListenAddress.isEverywhere(listen.host)
      ? { host: ownAddress() ?? "127.0.0.1", port: listen.port }
      : listen)
  return {
    listen: [format(listen), ...local],
    told: advertise === undefined ? undefined : format(advertise),
    advertised: format(reached),
  }
}
