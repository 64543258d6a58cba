/**
 * Runs a worker: a relay on the listening socket of its supervisor, which also
 * keeps its audit log, tells it when to reload its configuration, and stops it.
 */
import type { Socket } from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
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

/** How long changes of links are gathered before the supervisor is told, in milliseconds. */
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

/** Runs until the supervisor stops it or is gone. */
export const runWorker = Effect.fn("ptth relay worker")(function* (
  sources: LoadConfig.Sources,
  worker: WorkerMessage.WorkerStart,
  channel: WorkerChannel,
  machine: Machine,
) {
  const id = WorkerMessage.workerId(worker.machine, worker.number)
  const stopped = Deferred.makeUnsafe<void>()
  const gone = Deferred.makeUnsafe<void>()
  let isReplaced = false
  let reload = (): void => {}
  let given = (_about: unknown, socket: Socket): void => void socket.destroy()
  const handOver: HandOverShape = {
    give: (to, about, socket) => channel.send({ kind: "socket", to, about }, socket),
    onGiven: (listener) => {
      given = listener
    },
  }
  const stop = (): void => {
    Deferred.doneUnsafe(stopped, Effect.void)
  }
  const { membership, set } = yield* WorkerMembership.make
  const told = new ToldCertificates((message) => channel.send(message))
  const run = Effect.runForkWith(yield* Effect.context<never>())
  channel.listen((message, socket) => {
    if (message.kind === "members") run(set(message.members))
    if (message.kind === "reload") reload()
    if (message.kind === "certificate" || message.kind === "attempted") told.take(message)
    if (message.kind === "socket" && socket !== undefined) given(message.about, socket)
    if (message.kind !== "stop") return
    isReplaced ||= message.replaced
    stop()
  })
  channel.onGone(() => {
    // A new supervisor may want the addresses at once.
    isReplaced = true
    Deferred.doneUnsafe(gone, Effect.void)
    stop()
  })
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
    follow: (request) => {
      reload = request
    },
  })
  if (config.acme !== undefined) yield* told.ask
  const peers = ClusterPeers.layer(
    start.path ?? "the configuration",
    start.lastValid().clusterKeys,
    {
      number: worker.number,
      at: WorkerMessage.workerAddress(worker.folder, id),
      members: membership,
      released: Deferred.await(gone),
    },
  )
  yield* Effect.gen(function* () {
    BusyPoll.allow(config.busyPoll)
    const { host, port } = yield* Relay
    yield* answerSupervisor(channel)
    yield* settled
    channel.send({ kind: "ready", host, port, version })
    yield* Deferred.await(stopped)
  }).pipe(
    Effect.provide(
      Relay.layerOfWorker(auditLog(channel)).pipe(
        Layer.provideMerge(config.acme === undefined ? Layer.empty : told.layer),
        Layer.provideMerge(peers),
        Layer.provideMerge(settings),
        Layer.provide(ClusterEngine.layer(config, id)),
        Layer.provide(Layer.succeed(Successor, () => isReplaced)),
        Layer.provide(Layer.succeed(HandOver, handOver)),
        Layer.provide(SendTelemetry.layer(config.otlpEndpoint, "ptth-relay", id)),
      ),
    ),
    Effect.scoped,
    Effect.annotateLogs("relay", id),
  )
})
