/**
 * The workers of this machine and the relays of others, as their supervisor
 * reaches them: it asks a worker over the IPC channel, and relays of other
 * machines through a worker. It serves nobody itself, and requests never hop
 * to it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { noPeers, PeerError, type PeersShape, type PeerView } from "../../cluster/Peers.ts"
import type { ControlKind } from "../../protocol/peer/PeerControl.ts"
import type { WorkerView } from "./Supervisor.ts"
import * as WorkerMessage from "./WorkerMessage.ts"

/** What is needed of the supervisor. */
export interface WorkerQuestionsOptions {
  readonly self: PeersShape["self"]
  /** The folder with the sockets of all workers. */
  readonly folder: string
  /** The workers that run. */
  readonly workers: () => ReadonlyArray<WorkerView>
  /** The version of a worker's program; empty until it is known. */
  readonly versionOf: (number: number) => string
  readonly send: (number: number, message: WorkerMessage.ToWorker) => void
}

/** What a worker has reported of its peers. */
type ToldPeers = Extract<WorkerMessage.FromWorker, { readonly kind: "peers" }>

type Answer = Extract<WorkerMessage.FromWorker, { readonly kind: "answer" }>

interface Question {
  readonly number: number
  readonly done: (answer: Answer | undefined) => void
}

/** See the file's header. */
export class WorkerQuestions {
  private readonly options: WorkerQuestionsOptions
  private readonly questions = new Map<number, Question>()
  private readonly told = new Map<number, ToldPeers>()
  private lastId = 0

  constructor(options: WorkerQuestionsOptions) {
    this.options = options
  }

  /** The workers and other relays as the peers of this process. */
  get peers(): PeersShape {
    return {
      ...noPeers,
      self: this.options.self,
      isAlone: false,
      list: () => this.list(),
      unreached: () => this.unreached(),
      failure: (at) => this.failure(at),
      ask: (to, kind, message, millis) => this.ask(to, kind, message, millis),
    }
  }

  /** A worker has sent something. */
  onMessage(number: number, message: Answer | ToldPeers): void {
    if (message.kind === "peers") {
      this.told.set(number, message)
      return
    }
    const question = this.questions.get(message.id)
    if (question?.number === number) question.done(message)
  }

  /** A worker has ended. */
  ended(number: number): void {
    this.told.delete(number)
    for (const question of [...this.questions.values()])
      if (question.number === number) question.done(undefined)
  }

  /** What the workers know of each other and of other machines; a connection is better than none. */
  private peersById(): ReadonlyMap<string, PeerView> {
    const peersById = new Map<string, PeerView>()
    for (const { peers } of this.told.values())
      for (const peer of peers)
        if (peersById.get(peer.id)?.state !== "up") peersById.set(peer.id, peer)
    return peersById
  }

  private list(): ReadonlyArray<PeerView> {
    const peersById = this.peersById()
    const workers = this.options.workers().map((worker) => this.viewOf(worker, peersById))
    const others = [...peersById.values()].filter(
      ({ machine }) => machine !== this.options.self.machine,
    )
    return [...workers, ...others]
  }

  private viewOf(
    { number, since, state }: WorkerView,
    peersById: ReadonlyMap<string, PeerView>,
  ): PeerView {
    const { folder, self, versionOf } = this.options
    const id = WorkerMessage.workerId(self.machine, number)
    const peer = peersById.get(id)
    return {
      id,
      machine: self.machine,
      worker: number,
      address: WorkerMessage.workerAddress(folder, id),
      program: versionOf(number),
      since,
      roundTrip: peer?.roundTrip ?? 0,
      state: state === "starting" ? "dialling" : "up",
      isDraining: state === "draining",
      digest: peer?.digest ?? self.digest(),
      takesHops: true,
      slot: peer?.slot ?? 0,
      links: peer?.links ?? 0,
    }
  }

  /** The addresses that no worker has reached. */
  private unreached(): ReadonlyArray<string> {
    const [first, ...others] = [...this.told.values()]
    return (first?.unreached ?? []).filter((at) =>
      others.every(({ unreached }) => unreached.includes(at)),
    )
  }

  /** What a worker says of an address. */
  private failure(at: string): string | undefined {
    for (const { failures } of this.told.values()) {
      const failure = failures?.[at]
      if (failure !== undefined) return failure
    }
    return undefined
  }

  /** The worker that is to be asked for a relay. */
  private wayTo(id: string): number | undefined {
    const ready = this.options.workers().filter(({ state }) => state !== "starting")
    const own = ready.find(
      ({ number }) => WorkerMessage.workerId(this.options.self.machine, number) === id,
    )
    return (
      own ??
      ready.find(({ number }) =>
        this.told.get(number)?.peers.some((peer) => peer.id === id && peer.state === "up"),
      )
    )?.number
  }

  private ask<A, R>(
    to: string,
    { kind, message, reply }: ControlKind<A, R>,
    value: A,
    millis: number,
  ): Effect.Effect<R, PeerError> {
    const failed = (reason: PeerError["reason"], detail: string) =>
      Effect.fail(new PeerError({ reason, peer: to, detail }))
    return Effect.callback<Answer | undefined, PeerError>((resume) => {
      const number = this.wayTo(to)
      if (number === undefined) return resume(failed("unknown", "there is no connection to it"))
      this.lastId += 1
      const id = this.lastId
      const done = (answer: Answer | undefined): void => {
        this.questions.delete(id)
        resume(Effect.succeed(answer))
      }
      this.questions.set(id, { number, done })
      const body = Schema.encodeSync(message)(value)
      this.options.send(number, { kind: "ask", id, to, what: kind, body, millis })
      return Effect.sync(() => this.questions.delete(id))
    }).pipe(
      Effect.timeoutOrElse({
        duration: millis,
        orElse: () => failed("timeout", `no answer in ${millis} ms`),
      }),
      Effect.flatMap((answer) => {
        if (answer === undefined) return failed("lost", "its worker ended")
        if (answer.error !== undefined) return failed("failed", answer.error)
        const decoded = Schema.decodeUnknownOption(reply)(answer.body)
        return decoded._tag === "Some"
          ? Effect.succeed(decoded.value)
          : failed("failed", "its answer is not one")
      }),
    )
  }
}
