/**
 * Runs a worker: a relay on the listening socket of its supervisor, which also
 * keeps its audit log, tells it when to reload its configuration, and stops it.
 */
import type { Socket } from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Member } from "../../cluster/Membership.ts"
import * as WorkerMembership from "../../cluster/membership/WorkerMembership.ts"
import { Peers } from "../../cluster/Peers.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { AuditLog } from "../../relay/audit/AuditLog.ts"
import { Relay } from "../../relay/Relay.ts"
import { HandOver, type HandOverShape } from "../../relay/settings/HandOver.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import { Successor } from "../../relay/settings/Successor.ts"
import * as BusyPoll from "../../transport/runtime/BusyPoll.ts"
import { sameTls } from "../run/SameTls.ts"
import * as SendTelemetry from "../serve/SendTelemetry.ts"
import * as ClusterEngine from "../shared/ClusterEngine.ts"
import * as ClusterPeers from "../shared/ClusterPeers.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { version } from "../shared/Version.ts"
import * as LastValid from "./LastValid.ts"
import { ToldCertificates } from "./ToldCertificates.ts"
import type { WorkerChannel } from "./WorkerChannel.ts"
import { type Machine, mayBusyPoll } from "./WorkerCount.ts"
import * as WorkerMessage from "./WorkerMessage.ts"

/** How long changes of links are gathered before they are sent to the supervisor, in milliseconds. */
const presenceMillis = 200

/** How often it is checked whether the links of the other workers are known, in milliseconds. */
const settleCheckMillis = 20

/** Events that the supervisor records itself, once for all workers. */
const ofSupervisor: ReadonlySet<string> = new Set(["ConfigReloaded", "ConfigRefused"])

/** The audit log of a worker, which is the supervisor's. */
const auditLog = (channel: WorkerChannel): Layer.Layer<AuditLog> =>
  AuditLog.layerForwarding(({ at, event }) => {
    if (ofSupervisor.has(event._tag)) return
    const { _tag, ...fields } = event
    channel.send({ kind: "audit", at, event: { _tag, ...defined(fields) } })
  })

const defined = <A>(fields: { readonly [name: string]: A | undefined }): Record<string, A> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

/** The configuration of a worker: what its supervisor does is not in it. */
const ofWorker =
  ({ count }: WorkerMessage.WorkerStart, machine: Machine) =>
  (config: RelayConfig): RelayConfig => ({
    ...config,
    listen: { host: "fd", port: 0, fd: WorkerMessage.socketDescriptor },
    httpListen: false,
    adminListen: false,
    auditLog: undefined,
    busyPoll: config.busyPoll && mayBusyPoll(count, machine),
  })

/** Succeeds once the links at all other workers are known, or were waited for long enough. */
const settled: Effect.Effect<void> = Effect.gen(function* () {
  const peers = yield* Peers
  while (!peers.isSettled()) yield* Effect.sleep(settleCheckMillis)
})

/** Tells the supervisor of the peers, and answers what it asks of this worker or through it. */
const answerSupervisor = Effect.fnUntraced(function* (channel: WorkerChannel) {
  const peers = yield* Peers
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const tell = (): void => {
    const [list, unreached] = [[...peers.list()], [...peers.unreached()]]
    const failures = [...list.map(({ address }) => address), ...unreached].flatMap((at) => {
      const failure = peers.failure(at)
      return failure === undefined ? [] : [[at, failure] as const]
    })
    channel.send({ kind: "peers", peers: list, unreached, failures: Object.fromEntries(failures) })
  }
  tell()
  let timer: NodeJS.Timeout | undefined
  const tellSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      tell()
    }, presenceMillis)
  }
  const stops = [peers.onPeers(tell), peers.onPresence(tellSoon), () => clearTimeout(timer)]
  yield* Effect.addFinalizer(() => Effect.sync(() => stops.forEach((stop) => void stop())))
  channel.listen((message) => {
    if (message.kind !== "ask") return
    const { body, id, millis, to, what } = message
    const kind = { kind: what, message: Schema.Unknown, reply: Schema.Unknown }
    run(
      peers.ask(to, kind, body, millis).pipe(
        Effect.match({
          onFailure: ({ detail }) => channel.send({ kind: "answer", id, error: detail }),
          onSuccess: (answer) => channel.send({ kind: "answer", id, body: answer }),
        }),
      ),
    )
  })
})

/** What the supervisor tells this worker to do. */
class Orders {
  /** Succeeds once the worker is to stop. */
  readonly stopped = Deferred.makeUnsafe<void>()
  /** Succeeds once the supervisor is gone. */
  readonly gone = Deferred.makeUnsafe<void>()
  /** Whether the worker is to leave the addresses to another process at once when it stops. */
  isReplaced = false
  private reload = (): void => {}
  private take = (_about: unknown, socket: Socket): void => void socket.destroy()
  private readonly channel: WorkerChannel

  constructor(
    channel: WorkerChannel,
    setMembers: (members: ReadonlyArray<Member>) => void,
    certificates: ToldCertificates,
  ) {
    this.channel = channel
    channel.listen((message, socket) => {
      if (message.kind === "members") setMembers(message.members)
      if (message.kind === "reload") this.reload()
      if (message.kind === "certificate" || message.kind === "attempted") certificates.take(message)
      if (message.kind === "socket" && socket !== undefined) this.take(message.about, socket)
      if (message.kind === "stop") this.stop(message.replaced)
    })
    channel.onGone(() => {
      Deferred.doneUnsafe(this.gone, Effect.void)
      // A new supervisor may want the addresses at once.
      this.stop(true)
    })
  }

  /** Passes sockets to other workers by way of the supervisor. */
  get handOver(): HandOverShape {
    return {
      give: (to, about, socket) => this.channel.send({ kind: "socket", to, about }, socket),
      onGiven: (listener) => {
        this.take = listener
      },
    }
  }

  /** Sets what loads the configuration again. */
  readonly onReload = (reload: () => void): void => {
    this.reload = reload
  }

  private stop(isReplaced: boolean): void {
    this.isReplaced ||= isReplaced
    Deferred.doneUnsafe(this.stopped, Effect.void)
  }
}

/** Serves until the supervisor stops it or is gone. */
const serve = Effect.fnUntraced(function* (
  { busyPoll }: RelayConfig,
  channel: WorkerChannel,
  stopped: Deferred.Deferred<void>,
) {
  BusyPoll.allow(busyPoll)
  const { host, port } = yield* Relay
  yield* answerSupervisor(channel)
  yield* settled
  channel.send({ kind: "ready", host, port, version })
  yield* Deferred.await(stopped)
})

/** Runs until the supervisor stops it or is gone. */
export const runWorker = Effect.fn("ptth relay worker")(function* (
  sources: LoadConfig.Sources,
  worker: WorkerMessage.WorkerStart,
  channel: WorkerChannel,
  machine: Machine,
) {
  const id = WorkerMessage.workerId(worker.machine, worker.number)
  const { membership, set } = yield* WorkerMembership.make
  const certificates = new ToldCertificates((message) => channel.send(message))
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const orders = new Orders(channel, (members) => void run(set(members)), certificates)
  // Meant for the supervisor, if somebody sends it to all processes.
  process.on("SIGUSR2", () => {})
  const start = yield* LastValid.loadStart(sources, channel, sameTls(worker.secure))
  const adapt = ofWorker(worker, machine)
  const config = adapt(start.config)
  const settings = RelaySettings.layerWatched({
    path: start.path ?? `./${LoadConfig.relayFile}`,
    serversFolder: LoadConfig.serversFolder(start.path),
    initial: config,
    load: Effect.map(start.load, adapt),
    follow: orders.onReload,
  })
  if (config.acme !== undefined) yield* certificates.ask
  const peers = ClusterPeers.layer(start, {
    number: worker.number,
    at: WorkerMessage.workerAddress(worker.folder, id),
    members: membership,
    released: Deferred.await(orders.gone),
  })
  yield* serve(config, channel, orders.stopped).pipe(
    Effect.provide(
      Relay.layerOfWorker(auditLog(channel)).pipe(
        Layer.provideMerge(config.acme === undefined ? Layer.empty : certificates.layer),
        Layer.provideMerge(peers),
        Layer.provideMerge(settings),
        Layer.provide(ClusterEngine.layer(config, id)),
        Layer.provide(Layer.succeed(Successor, () => orders.isReplaced)),
        Layer.provide(Layer.succeed(HandOver, orders.handOver)),
        Layer.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-relay", id)),
      ),
    ),
    Effect.scoped,
    Effect.annotateLogs("relay", id),
  )
})
