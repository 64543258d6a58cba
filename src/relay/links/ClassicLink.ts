/**
 * The link of one server process over classic: its parked listens, and the
 * requests that it was sent and has not answered yet. The process counts as
 * alive as long as its listens arrive: a running one always has one under way.
 */
import type { ServerResponse } from "node:http"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import type { Cancel, RequestHead } from "../../protocol/Message.ts"
import {
  header,
  listenBatch,
  listenBatchBytes,
  manyAnswers,
  maxParked,
  takesInterim,
  text,
  version2,
} from "../../protocol/Wire.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import * as Lease from "../dispatch/Lease.ts"
import type { Link } from "../dispatch/Link.ts"
import type { Pending } from "../dispatch/Pending.ts"
import { type Refusal, transportRefusal } from "../dispatch/TransportRefusal.ts"
import { answerText } from "./BackendCall.ts"
import * as ListenAnswer from "./ListenAnswer.ts"
import { ParkedListens } from "./ParkedListens.ts"

/** How long a process may be without a listen until it counts as gone, in milliseconds. */
const silenceMillis = 3_000

/** How long a process may be without a listen here until other relays send it nothing more by this one, in milliseconds. */
const absentMillis = 250

/** How long a process may take to acknowledge a request until it counts as lost, in milliseconds. */
const ackMillis = 5_000

/** How long a process may take to begin a request that changes something, in milliseconds: less than to acknowledge it. */
const beginMillis = 4_000

/** What a link needs of its surroundings. */
export interface ClassicLinkOptions {
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  readonly transport: "classic 1" | "classic 2"
  readonly deadlines: Deadlines
  readonly publicUrl: string | undefined
  /** Where visitors reach this server, if the relay can tell. */
  readonly openUrl: string | undefined
  /** What pages call it, if that is not its name. */
  readonly displayName?: string | undefined
  /** Why the server speaks classic, in its words. */
  readonly reason: string
  /** The server's program and its version; empty if it sends none. */
  readonly program: string
  readonly responseMillis: (name: ServerName) => number
  /** It takes requests again. */
  readonly onReady: (link: Link) => void
  /** It takes nothing for now, because no listen is parked; only where there are other relays. */
  readonly onAbsent: ((link: Link) => void) | undefined
  /** A request is cancelled while no listen is parked; another relay may have one. Only where there are others. */
  readonly onCancel: ((id: RequestId) => void) | undefined
  /** Whether the process listens at another relay. */
  readonly isElsewhere: () => boolean
  /** It has ended, for this reason. */
  readonly onGone: (reason: string) => void
}

/**
 * `draining`: takes no more requests, since the relay shuts down. `leaving`:
 * the same, since its process said farewell and only finishes what it has.
 */
type LinkState = "open" | "draining" | "leaving" | "gone"

/** See the file's header. */
export class ClassicLink implements Link {
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  readonly number = "0"
  readonly transport: "classic 1" | "classic 2"
  readonly reason: string
  readonly program: string
  private readonly options: ClassicLinkOptions
  /** The fields about the relay in every answer to a server, as names and values in turn. */
  private readonly relayFields: ReadonlyArray<string>
  private readonly parked: ParkedListens
  /** Requests that were sent and are not answered yet. */
  private readonly unanswered = new ReusableMap<RequestId, Pending>()
  private readonly cancels: Array<Cancel> = []
  private readonly unacknowledged = new ReusableMap<RequestId, Deadline>()
  /** How many messages of the process have arrived. */
  private heardCount = 0
  private silence: Deadline | undefined
  private absence: Deadline | undefined
  private isAbsent = false
  private state: LinkState = "open"

  constructor(options: ClassicLinkOptions) {
    this.options = options
    this.reason = options.reason
    this.program = options.program
    this.name = options.name
    this.tripcode = options.tripcode
    this.instance = options.instance
    this.transport = options.transport
    this.relayFields = this.transport === "classic 1" ? [] : classic2Fields(options)
    this.parked = new ParkedListens(
      options.deadlines,
      (response) => this.sendEmpty(response),
      () => this.watchSilence(),
    )
  }

  /** How many listens are parked. */
  get parkedCount(): number {
    return this.parked.size
  }

  capacity(): number {
    return this.parked.size > 0 && this.state === "open" ? listenBatch : 0
  }

  /** A server that speaks classic has no fixed number. */
  places(): number | undefined {
    return this.isAbsent ? undefined : Number.POSITIVE_INFINITY
  }

  /** A listen has arrived; it is answered at once or parked. */
  listen(response: ServerResponse): void {
    this.heard()
    if (this.state !== "open") return this.sendShuttingDown(response)
    this.parked.park(response)
    if (this.transport === "classic 2" && this.parked.size > maxParked) {
      const oldest = this.parked.takeOldest()
      if (oldest !== undefined) this.sendEmpty(oldest)
    }
    this.stopWatchingAbsence()
    this.isAbsent = false
    if (this.cancels.length > 0) this.answerListen([], 0)
    else this.options.onReady(this)
  }

  /** The first listen of a process: answered at once, so that it learns what this relay supports. */
  greet(response: ServerResponse): void {
    this.heard()
    this.sendEmpty(response)
  }

  /** The process takes no more requests, as it said in a listen here or to another relay. If it is gone already, its requests are lost; otherwise it may go on to answer them. */
  farewell(response: ServerResponse | undefined, isGone: boolean): void {
    this.state = "leaving"
    for (const listen of this.parked.takeAll()) this.sendEmpty(listen)
    if (response !== undefined) this.sendEmpty(response)
    this.heard()
    if (isGone) this.end("it has stopped", true)
    else this.endIfFinished()
  }

  /** A process that said farewell is gone once it has answered everything. */
  private endIfFinished(): void {
    if (this.state === "leaving" && this.unanswered.size === 0) this.end("it has stopped")
  }

  /** The server confirms a request: by its next listen, a fetch of the body, or its answer. */
  acknowledge(id: string): void {
    const pending = this.unanswered.get(id as RequestId)
    if (pending === undefined) return
    pending.acknowledged = true
    this.stopAwaitingAck(pending.id)
  }

  private stopAwaitingAck(id: RequestId): void {
    this.unacknowledged.get(id)?.clear()
    this.unacknowledged.delete(id)
  }

  /** The server has answered a request. */
  answered(id: RequestId): void {
    this.heard()
    this.unanswered.delete(id)
    this.stopAwaitingAck(id)
    this.endIfFinished()
  }

  /** Other relays count with as much as a process that speaks classic may take: asking them first would miss the listens that are parked now. */
  beginMillis(): number {
    return 0
  }

  refusal(head: RequestHead): Refusal | undefined {
    return transportRefusal(this.transport, head)
  }

  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending> {
    const batch: Array<Pending> = []
    let bytes = 0
    for (const pending of requests) {
      if (batch.length > 0 && bytes > listenBatchBytes) break
      bytes += pending.body.whole?.length ?? 0
      batch.push(pending)
    }
    if (batch.length > 0) this.send(batch)
    return requests.slice(batch.length)
  }

  private send(batch: ReadonlyArray<Pending>): void {
    const millis = this.options.responseMillis(this.name)
    // Classic 1 has only safe methods.
    const lease = Lease.leaseOf(beginMillis, millis)
    for (const pending of batch) {
      pending.offered(this, millis, lease)
      this.unanswered.set(pending.id, pending)
    }
    const heardBefore = this.heardCount
    const response = this.answerListen(batch, lease.begin)
    response?.once("close", () => {
      if (response.writableFinished) return this.awaitAcks(batch, heardBefore)
      for (const pending of batch) this.lose(pending, "the listen broke while it was answered")
    })
  }

  /** Classic 1 has no acknowledgements. */
  private awaitAcks(batch: ReadonlyArray<Pending>, heardBefore: number): void {
    if (this.transport === "classic 1") return
    const { deadlines } = this.options
    for (const pending of batch) {
      if (pending.acknowledged || pending.state !== "offered") continue
      const deadline = deadlines.set(ackMillis, () => {
        this.unacknowledged.delete(pending.id)
        if (this.heardCount > heardBefore || this.options.isElsewhere())
          this.lose(pending, "the server never got it")
        else this.end("it does not hear what it is sent")
      })
      this.unacknowledged.set(pending.id, deadline)
    }
  }

  /**
   * The server will not answer a request, whether or not it received it: the request is offered again, or fails.
   *
   * @param isDropped whether the server has said itself that it does no more with it
   */
  lose(pending: Pending, detail: string, isDropped = false): void {
    if (pending.link !== this || !this.unanswered.delete(pending.id)) return
    this.stopAwaitingAck(pending.id)
    pending.lost(detail, isDropped || pending.acknowledged)
  }

  /** Answers the newest listen with requests, and with the cancels that wait. */
  private answerListen(
    batch: ReadonlyArray<Pending>,
    beginMillis: number,
  ): ServerResponse | undefined {
    const listen = this.parked.takeNewest()
    if (listen === undefined) return undefined
    const { arrivedAt, response } = listen
    const bytes =
      this.transport === "classic 1"
        ? ListenAnswer.encodeClassic1(batch)
        : ListenAnswer.encodeClassic2(this.cancels.splice(0), batch)
    const held = this.options.deadlines.elapsed() - arrivedAt
    const fields =
      this.transport === "classic 1" || batch.length === 0
        ? this.relayFields
        : [...this.relayFields, header.beginWithin, `${Math.floor(held + beginMillis)}`]
    ListenAnswer.send(response, bytes, fields)
    this.watchSilence()
    return response
  }

  cancel(pending: Pending): void {
    this.stopAwaitingAck(pending.id)
    if (!this.unanswered.delete(pending.id) || this.transport === "classic 1") return
    this.cancels.push({ _tag: "Cancel", id: pending.id })
    if (this.parked.size > 0) setImmediate(() => this.sendCancels())
    else this.options.onCancel?.(pending.id)
  }

  /** Another relay cancels a request of the process, of which it has no listen. */
  cancelOf(id: RequestId): void {
    if (this.parked.size === 0) return
    this.cancels.push({ _tag: "Cancel", id })
    this.sendCancels()
  }

  private sendCancels(): void {
    if (this.cancels.length > 0) this.answerListen([], 0)
  }

  disconnect(reason: string): void {
    this.end(reason)
  }

  revoke(): void {
    for (const listen of this.parked.takeAll()) answerText(listen, 401, text.badKey)
    this.end("its key is no longer accepted", true)
  }

  drain(): void {
    if (this.state === "open") this.state = "draining"
    for (const listen of this.parked.takeAll()) this.sendShuttingDown(listen)
  }

  private heard(): void {
    this.heardCount += 1
    this.silence?.clear()
    this.silence = undefined
  }

  /** No listen is parked: the process has to send one soon, unless it said farewell. */
  private watchSilence(): void {
    if (this.parked.size > 0 || this.state === "leaving" || this.state === "gone") return
    this.watchAbsence()
    this.silence?.clear()
    this.silence = this.options.deadlines.set(silenceMillis, () => {
      if (this.parked.size > 0) return
      if (this.options.isElsewhere()) this.watchSilence()
      else this.end("it stopped listening")
    })
  }

  private watchAbsence(): void {
    const { deadlines, onAbsent } = this.options
    if (onAbsent === undefined || this.isAbsent || this.absence !== undefined) return
    this.absence = deadlines.set(absentMillis, () => {
      this.absence = undefined
      this.isAbsent = true
      onAbsent(this)
    })
  }

  private stopWatchingAbsence(): void {
    this.absence?.clear()
    this.absence = undefined
  }

  private end(reason: string, isDropped = false): void {
    if (this.state === "gone") return
    this.state = "gone"
    this.heard()
    this.stopWatchingAbsence()
    this.options.onGone(reason)
    for (const listen of this.parked.takeAll()) {
      if (!listen.headersSent) listen.destroy()
    }
    const unanswered = this.unanswered.all().sort((one, other) => one.arrival - other.arrival)
    for (const pending of unanswered) this.lose(pending, reason, isDropped)
  }

  private sendEmpty(response: ServerResponse): void {
    response.writeHead(204, [...this.relayFields])
    response.end()
    this.watchSilence()
  }

  private sendShuttingDown(response: ServerResponse): void {
    response.shouldKeepAlive = false
    answerText(response, 503, text.shuttingDown)
  }
}

const classic2Fields = ({
  displayName,
  openUrl,
  publicUrl,
}: ClassicLinkOptions): ReadonlyArray<string> => [
  header.version,
  version2,
  header.answers,
  manyAnswers,
  header.interim,
  takesInterim,
  ...(publicUrl === undefined ? [] : [header.publicUrl, publicUrl]),
  ...(openUrl === undefined ? [] : [header.openUrl, openUrl]),
  ...(displayName === undefined ? [] : [header.displayName, encodeURIComponent(displayName)]),
]
