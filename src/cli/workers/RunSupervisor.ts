/**
 * Runs a relay of several workers: owns the listening socket, the audit log and
 * the signals, tells the workers who the others are and when to reload, and
 * answers `ptth relay peers` and `ptth relay roll`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Peers, type PeersShape } from "../../cluster/Peers.ts"
import { speaksTls } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import type { AuditEvent } from "../../relay/audit/AuditEvent.ts"
import * as AuditFile from "../../relay/audit/AuditFile.ts"
import * as AuditLine from "../../relay/audit/AuditLine.ts"
import { AuditLog } from "../../relay/audit/AuditLog.ts"
import * as SharedAudit from "../../relay/audit/SharedAudit.ts"
import { Certificates, type CertificatesShape } from "../../relay/certificates/Certificates.ts"
import { digestOf } from "../../relay/peers/ConfigDigest.ts"
import { type Relay, recordAttempt, recordRefusals } from "../../relay/Relay.ts"
import * as SharedApprovals from "../../relay/registry/SharedApprovals.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import { Relays } from "../../relay/status/Relays.ts"
import * as PlainPort from "../../relay/visitors/PlainPort.ts"
import { namingListen } from "../../transport/front/NodeFront.ts"
import { onSignal } from "../../transport/runtime/Signals.ts"
import * as ControlSocket from "../control/ControlSocket.ts"
import * as OtherRelays from "../control/OtherRelays.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import * as RunRelay from "../run/RunRelay.ts"
import * as SendTelemetry from "../serve/SendTelemetry.ts"
import * as ClusterEngine from "../shared/ClusterEngine.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import { CertificateTelling } from "./CertificateTelling.ts"
import * as LastValid from "./LastValid.ts"
import * as ListenSocket from "./ListenSocket.ts"
import { type ChildWorker, spawnWorker } from "./SpawnWorker.ts"
import { StrangerEvents } from "./StrangerEvents.ts"
import { Supervisor, type WorkerView } from "./Supervisor.ts"
import * as WorkerMessage from "./WorkerMessage.ts"
import { WorkerQuestions } from "./WorkerQuestions.ts"

/** How much longer than `shutdown_grace` a worker may take to end before it is killed, in milliseconds. */
const graceBeyond = 5_000

/** How long a worker may take to answer, in milliseconds. */
const answerMillis = 1_000

/** Where the workers of a relay serve. */
interface ServingAddress {
  host: string
  port: number
}

/** The processes of the workers, what they say, and what they are told. */
class Crew {
  readonly address: ServingAddress = { host: "", port: 0 }
  private readonly children = new Map<number, ChildWorker>()
  private readonly versions = new Map<number, string>()
  private readonly machine: string
  private readonly folder: string
  private readonly audit: AuditLog["Service"]
  private readonly lastValid: RunRelay.RelayStart["lastValid"]
  private readonly questions: WorkerQuestions
  private readonly strangers = new StrangerEvents()
  private readonly certificates: CertificateTelling
  private views: ReadonlyArray<WorkerView> = []

  constructor(
    self: PeersShape["self"],
    folder: string,
    audit: AuditLog["Service"],
    lastValid: RunRelay.RelayStart["lastValid"],
    certificates: CertificatesShape,
  ) {
    this.certificates = new CertificateTelling(certificates, (message) => this.tell(message))
    this.machine = self.machine
    this.folder = folder
    this.audit = audit
    this.lastValid = lastValid
    this.questions = new WorkerQuestions({
      self,
      folder,
      workers: () => this.views,
      versionOf: (number) => this.versions.get(number) ?? "",
      send: (number, message) => this.children.get(number)?.send(message),
    })
  }

  /** The workers and the relays of other machines, to be asked for the administrator. */
  get relays(): PeersShape {
    return this.questions.peers
  }

  spawn(
    socket: number,
    start: Omit<WorkerMessage.WorkerStart, "number">,
    number: number,
  ): ChildWorker {
    const child = spawnWorker(
      { socket, start, onMessage: (message, given) => this.onMessage(number, message, given) },
      number,
    )
    this.children.set(number, child)
    return child
  }

  /** Tells everybody who there is. */
  changed(workers: ReadonlyArray<WorkerView>): void {
    this.views = workers
    const numbers = new Set(workers.map(({ number }) => number))
    for (const number of this.children.keys()) {
      if (numbers.has(number)) continue
      this.children.delete(number)
      this.questions.ended(number)
      this.versions.delete(number)
    }
    const members = workers.map(({ number }) => {
      const id = this.idOf(number)
      return { id, at: WorkerMessage.workerAddress(this.folder, id) }
    })
    this.tell({ kind: "members", members })
  }

  tell(message: WorkerMessage.ToWorker): void {
    for (const child of this.children.values()) child.send(message)
  }

  /** Has the workers open their log files again. One that is being started does so anyway, and could not take the signal yet. */
  hangUp(): void {
    for (const { number, state } of this.views)
      if (state !== "starting") this.children.get(number)?.hangUp()
  }

  peers(): ReadonlyArray<ControlSocket.Peer> {
    const { relays } = this
    const links = new Map(relays.list().map((relay) => [relay.id, relay.links]))
    const workers = this.views.map(({ number, pid, since, state }) => ({
      id: this.idOf(number),
      pid,
      state,
      since,
      version: this.versions.get(number) ?? "",
      links: links.get(this.idOf(number)),
    }))
    return [...workers, ...OtherRelays.list(relays)]
  }

  /** The supervisor itself has recorded something. */
  recorded(event: AuditEvent): void {
    this.strangers.take(event)
  }

  /** Has a worker that was started hide the servers that an administrator has ignored before. */
  private tellIgnored(number: number): void {
    for (const server of this.strangers.ignored())
      Effect.runFork(
        Effect.ignore(
          this.relays.ask(this.idOf(number), AdminControl.ignore, server, answerMillis),
        ),
      )
  }

  private idOf(number: number): string {
    return WorkerMessage.workerId(this.machine, number)
  }

  private onMessage(
    number: number,
    message: WorkerMessage.FromWorker,
    socket: Parameters<ChildWorker["send"]>[1],
  ): void {
    switch (message.kind) {
      case "ready": {
        Object.assign(this.address, { host: message.host, port: message.port })
        this.versions.set(number, message.version)
        this.tellIgnored(number)
        return
      }
      case "audit": {
        const { _tag, ...fields } = message.event
        const event = AuditLine.toEvent(_tag, fields)
        if (event !== undefined && this.strangers.take(event))
          this.audit.take({ at: message.at, event, relay: this.idOf(number) })
        return
      }
      case "lastValid":
        return this.children.get(number)?.send(LastValid.answer(this.lastValid()))
      case "certificates":
      case "wanted":
        return this.certificates.onMessage(message, (answer) =>
          this.children.get(number)?.send(answer),
        )
      case "answer":
      case "peers":
        return this.questions.onMessage(number, message)
      case "socket": {
        const to = [...this.children].find(([other]) => this.idOf(other) === message.to)?.[1]
        if (to === undefined) socket?.destroy()
        else to.send({ kind: "socket", about: message.about }, socket)
      }
    }
  }
}

/** Replaces the workers on SIGUSR2; what it says is in the log. */
const rollOnSignal = Effect.fnUntraced(function* (supervisor: Supervisor) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  yield* onSignal("SIGUSR2", () => {
    run(Effect.catch(supervisor.roll, (error) => Effect.logError(error.message)))
  })
})

/** Answers the commands for a relay that runs. */
const answering =
  (place: string, crew: Crew, supervisor: Supervisor) =>
  (question: ControlSocket.Question): Effect.Effect<ControlSocket.Answer> => {
    switch (question) {
      case "about":
        return Effect.succeed({ config: place })
      case "peers":
        return Effect.succeed({ peers: crew.peers() })
      case "roll":
        return supervisor.roll.pipe(
          Effect.map((replaced) => ({ replaced })),
          Effect.catch((error) => Effect.succeed({ failure: error.message })),
        )
    }
  }

/** The workers of a relay, of which there are none yet. They get certificates, and the audit log is followed, while the Scope is open. */
const makeCrew = Effect.fnUntraced(function* (
  { config, lastValid }: RunRelay.RelayStart,
  folder: string,
) {
  const settings = yield* RelaySettings
  const audit = yield* AuditLog
  const certificates = yield* Certificates
  const machine = ClusterEngine.machineOf(config)
  const self: PeersShape["self"] = {
    id: machine,
    machine,
    worker: undefined,
    slot: () => 0,
    program: version,
    digest: () => digestOf(settings.current()),
  }
  const crew = new Crew(self, folder, audit, lastValid, certificates)
  yield* Effect.acquireRelease(
    Effect.sync(() => certificates.listen({ attempt: recordAttempt(audit) })),
    (stop) => Effect.sync(stop),
  )
  const unlisten = audit.listen(({ event, relay }) => {
    if (relay === undefined) crew.recorded(event)
  })
  yield* Effect.addFinalizer(() => Effect.sync(unlisten))
  return crew
})

/** Has the workers load each new configuration, and records new and refused ones in the audit log. */
const followSettings = Effect.fnUntraced(function* (start: RunRelay.RelayStart, crew: Crew) {
  const audit = yield* AuditLog
  yield* RunRelay.besides(start, (now) =>
    Effect.sync(() => {
      if (now === start.config) return
      audit.record({ _tag: "ConfigReloaded", servers: now.servers.length })
      crew.tell({ kind: "reload" })
    }),
  )
  yield* recordRefusals(yield* RelaySettings, audit)
})

/** Starts the administrator's pages, and prints where the relay and they are. */
const announce = Effect.fnUntraced(function* (
  start: RunRelay.RelayStart,
  count: number,
  address: Relay["Service"],
) {
  const admin = yield* RunRelay.startAdmin(start)
  yield* RunRelay.publishStatus(start, address, admin)
  yield* Output.banner(
    RunRelay.describe(start, address, admin, [["Workers", `${count}   (see ptth relay peers)`]]),
  )
})

/** Supervises until it is interrupted. */
const supervise = Effect.fnUntraced(function* (start: RunRelay.RelayStart, count: number) {
  const { config, path } = start
  const settings = yield* RelaySettings
  const audit = yield* AuditLog
  const machine = ClusterEngine.machineOf(config)
  const longestName = `${WorkerMessage.workerId(machine, 2 * count)}.sock`
  const folder = yield* RuntimeFolder.open(RuntimeFolder.ofProcess(), longestName)
  const socket = yield* namingListen(ListenSocket.open(config.listen))
  const crew = yield* makeCrew(start, folder)
  const secure = speaksTls(config)
  // Before the workers are there, and until they are gone, it must not end the supervisor.
  yield* onSignal("SIGUSR2", () => {})
  const supervisor = yield* Supervisor.start({
    count,
    spawn: (number) => crew.spawn(socket.descriptor, { machine, count, folder, secure }, number),
    graceMillis: () => Duration.toMillis(settings.current().shutdownGrace) + graceBeyond,
    onChange: (workers) => crew.changed(workers),
  })
  // Workers have the socket until they stop accepting; then connections must be refused, not wait.
  yield* Effect.addFinalizer(() => Effect.sync(socket.close))
  let hasStarted = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (hasStarted) audit.record({ _tag: "RelayStopping" })
    }),
  )
  yield* followSettings(start, crew)
  yield* PlainPort.serve(() => crew.address.port)
  const certificates = yield* Certificates
  certificates.start()
  yield* onSignal("SIGHUP", () => crew.hangUp())
  yield* rollOnSignal(supervisor)
  yield* ControlSocket.serve(folder, answering(RuntimeFolder.configPlace(path), crew, supervisor))
  const { host, port } = crew.address
  yield* announce(start, count, { host, port, secure }).pipe(
    Effect.provide(Relays.layer),
    Effect.provideService(Peers, crew.relays),
  )
  hasStarted = true
  audit.record({ _tag: "RelayStarted", address: ListenAddress.format({ host, port }) })
  return yield* Effect.never
})

/** Runs until it is interrupted. */
export const runSupervisor = Effect.fn("ptth relay supervisor")(function* (
  start: RunRelay.RelayStart,
  count: number,
) {
  // The workers stop before the audit log is closed.
  yield* Effect.scoped(supervise(start, count)).pipe(
    Effect.provide(
      Layer.mergeAll(SharedAudit.layer, SharedApprovals.layer).pipe(
        Layer.provideMerge(AuditFile.layer),
        Layer.provideMerge(AuditLog.layer),
        Layer.provideMerge(RunRelay.certificates(start)),
        Layer.provideMerge(RunRelay.watchedSettings(start)),
        Layer.provideMerge(ClusterEngine.layer(start.config)),
        Layer.provide(
          SendTelemetry.layer(
            start.config.otlpEndpoint,
            "ptth-relay",
            WorkerMessage.supervisorId(ClusterEngine.machineOf(start.config)),
          ),
        ),
      ),
    ),
  )
})
