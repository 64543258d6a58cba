/**
 * The link of one server process over classic: its parked listens, and what
 * was handed to it and is not answered yet. Whether the process is still
 * there can only be told by its listens: a live one always has a listen on
 * the way.
 */
import type { ServerResponse } from "node:http"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { strip, upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { Cancel, Offer, RequestBody, RequestHead } from "../../protocol/Message.ts"
import {
  header,
  listenBatch,
  listenBatchBytes,
  listenMillis,
  manyAnswers,
  maxInline,
  maxParked,
  text,
  version2,
} from "../../protocol/Wire.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { Link } from "../dispatch/Link.ts"
import type { Pending } from "../dispatch/Pending.ts"
import { answerText } from "./BackendAnswer.ts"

/** Without any listen for so long, a process is taken for dead; in milliseconds. */
const goneMillis = 3_000

/** A process that takes longer to say that it has a request has not got it; in milliseconds. */
const ackMillis = 5_000

/** What a link needs of its surroundings. */
export interface ClassicLinkOptions {
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  readonly transport: "classic 1" | "classic 2"
  readonly deadlines: Deadlines
  readonly publicUrl: string | undefined
  /** Where visitors reach this server, if that is known. */
  readonly openUrl: string | undefined
  /** Why the server speaks classic, in its words. */
  readonly reason: string
  /** The server's program and its version; empty if it does not say. */
  readonly program: string
  readonly responseMillis: (name: ServerName) => number
  /** It takes requests again. */
  readonly onReady: (link: Link) => void
  /** It has been silent for too long, or was revoked. */
  readonly onGone: (reason: string) => void
}

interface Parked {
  readonly response: ServerResponse
  readonly deadline: Deadline
}

/** See the file's header. */
export class ClassicLink implements Link {
  readonly name: ServerName
  readonly tripcode: Tripcode
  readonly instance: string
  readonly transport: "classic 1" | "classic 2"
  readonly reason: string
  readonly program: string
  private readonly options: ClassicLinkOptions
  private readonly parked: Array<Parked> = []
  private readonly handed = new ReusableMap<RequestId, Pending>()
  private readonly cancels: Array<Cancel> = []
  private readonly unacknowledged = new ReusableMap<RequestId, Deadline>()
  /** How often it has been heard of. */
  private heardCount = 0
  private silence: Deadline | undefined
  private draining = false
  private leaving = false
  private gone = false

  constructor(options: ClassicLinkOptions) {
    this.options = options
    this.reason = options.reason
    this.program = options.program
    this.name = options.name
    this.tripcode = options.tripcode
    this.instance = options.instance
    this.transport = options.transport
  }

  /** How many listens wait here. */
  get parkedCount(): number {
    return this.parked.length
  }

  capacity(): number {
    return this.parked.length > 0 && !this.draining ? listenBatch : 0
  }

  /** A listen has come; it is answered at once or parked. */
  listen(response: ServerResponse): void {
    this.heard()
    if (this.draining) return this.sendShuttingDown(response)
    const entry: Parked = {
      response,
      deadline: this.options.deadlines.set(listenMillis, () => {
        this.unpark(entry)
        this.sendNothing(response)
      }),
    }
    this.parked.unshift(entry)
    response.on("close", () => {
      if (this.unpark(entry) && this.parked.length === 0) this.maybeSilent()
    })
    if (this.transport === "classic 2" && this.parked.length > maxParked) {
      const oldest = this.parked.at(-1) as Parked
      this.unpark(oldest)
      this.sendNothing(oldest.response)
    }
    if (this.cancels.length > 0) this.sendEntries([])
    else this.options.onReady(this)
  }

  /** The process takes no more requests, and its silence means nothing any more; if it is gone, it answers none. */
  farewell(response: ServerResponse, isGone: boolean): void {
    this.draining = true
    this.leaving = true
    for (const { deadline, response: parked } of this.parked.splice(0)) {
      deadline.clear()
      this.sendNothing(parked)
    }
    this.sendNothing(response)
    this.heard()
    if (isGone) this.end("it has stopped")
    else this.restIfLeaving()
  }

  /** A process that has said farewell is gone once it has answered everything. */
  private restIfLeaving(): void {
    if (this.leaving && this.handed.size === 0) this.end("it has stopped")
  }

  /** The first listen of a process: answered at once, so that it learns what is spoken here. */
  greet(response: ServerResponse): void {
    this.heard()
    this.sendNothing(response)
    this.maybeSilent()
  }

  /** The server has a request: by its next listen, a fetch of the body, or its answer. */
  acknowledge(id: string): void {
    const pending = this.handed.get(id as RequestId)
    if (pending === undefined) return
    pending.acknowledged = true
    this.forgetAck(pending.id)
  }

  private forgetAck(id: RequestId): void {
    this.unacknowledged.get(id)?.clear()
    this.unacknowledged.delete(id)
  }

  /** The server answers a request. */
  answered(id: RequestId): void {
    this.heard()
    this.handed.delete(id)
    this.forgetAck(id)
    this.restIfLeaving()
  }

  offer(requests: ReadonlyArray<Pending>): ReadonlyArray<Pending> {
    const batch: Array<Pending> = []
    let bytes = 0
    let taken = 0
    for (const pending of requests) {
      if (batch.length > 0 && bytes > listenBatchBytes) break
      taken += 1
      if (this.transport === "classic 1" && !Classic1.carriesMethod(pending.head.method)) {
        pending.fail(
          new ExchangeError({
            code: "PTTH_METHOD_NOT_ALLOWED",
            detail: `the server ${this.name} speaks classic 1, which has only GET and HEAD`,
            headers: [["Allow", "GET, HEAD"]],
          }),
        )
        continue
      }
      bytes += pending.body.whole?.length ?? 0
      batch.push(pending)
    }
    if (batch.length > 0) this.send(batch)
    return requests.slice(taken)
  }

  private send(batch: ReadonlyArray<Pending>): void {
    const millis = this.options.responseMillis(this.name)
    for (const pending of batch) {
      pending.offered(this, millis)
      this.handed.set(pending.id, pending)
    }
    const heardBefore = this.heardCount
    const response = this.sendEntries(batch)
    response?.once("close", () => {
      if (response.writableFinished) return this.awaitAcks(batch, heardBefore)
      for (const pending of batch) this.lose(pending, "the listen broke while it was answered")
    })
    if (this.parked.length === 0) this.maybeSilent()
  }

  private awaitAcks(batch: ReadonlyArray<Pending>, heardBefore: number): void {
    if (this.transport === "classic 1") return
    const { deadlines } = this.options
    for (const pending of batch) {
      if (pending.acknowledged || pending.state !== "offered") continue
      const late = deadlines.set(ackMillis, () => {
        this.unacknowledged.delete(pending.id)
        if (this.heardCount > heardBefore) this.lose(pending, "the server never got it")
        else this.end("it does not hear what it is sent")
      })
      this.unacknowledged.set(pending.id, late)
    }
  }

  /** Whether or not the server had it, it will not answer: it is offered again, or fails. */
  lose(pending: Pending, detail: string): void {
    if (pending.link !== this || !this.handed.delete(pending.id)) return
    this.forgetAck(pending.id)
    pending.lost(detail)
  }

  private sendEntries(batch: ReadonlyArray<Pending>): ServerResponse | undefined {
    const entry = this.parked[0]
    if (entry === undefined) return undefined
    this.unpark(entry)
    const { response } = entry
    if (this.transport === "classic 1") {
      const bytes = Classic1.encodeListenAnswer(
        batch.map((pending) => ({ id: pending.id, head: plainHead(pending) })),
      )
      response.writeHead(200, [
        "Content-Type",
        "application/octet-stream",
        "Content-Length",
        `${bytes.length}`,
      ])
      response.end(bytes)
      return response
    }
    const bytes = Classic2.encodeListenAnswer([...this.cancels.splice(0), ...batch.map(toOffer)])
    response.writeHead(200, [
      "Content-Type",
      "application/octet-stream",
      "Content-Length",
      `${bytes.length}`,
      ...this.greeting(),
    ])
    response.end(bytes)
    return response
  }

  cancel(pending: Pending): void {
    this.forgetAck(pending.id)
    if (!this.handed.delete(pending.id) || this.transport === "classic 1") return
    this.cancels.push({ _tag: "Cancel", id: pending.id })
    if (this.parked.length > 0) setImmediate(() => this.flushCancels())
  }

  private flushCancels(): void {
    if (this.cancels.length > 0) this.sendEntries([])
  }

  revoke(): void {
    for (const { response } of this.parked.splice(0)) answerText(response, 401, text.badKey)
    this.end("its key is no longer accepted")
  }

  drain(): void {
    this.draining = true
    for (const { deadline, response } of this.parked.splice(0)) {
      deadline.clear()
      this.sendShuttingDown(response)
    }
  }

  private unpark(entry: Parked): boolean {
    entry.deadline.clear()
    const at = this.parked.indexOf(entry)
    if (at < 0) return false
    this.parked.splice(at, 1)
    return true
  }

  private heard(): void {
    this.heardCount += 1
    this.silence?.clear()
    this.silence = undefined
  }

  private maybeSilent(): void {
    if (this.leaving) return
    this.silence?.clear()
    this.silence = this.options.deadlines.set(goneMillis, () => {
      if (this.parked.length === 0) this.end("it stopped listening")
    })
  }

  private end(reason: string): void {
    if (this.gone) return
    this.gone = true
    this.heard()
    this.options.onGone(reason)
    for (const { deadline, response } of this.parked.splice(0)) {
      deadline.clear()
      if (!response.headersSent) response.destroy()
    }
    for (const pending of this.handed.all()) this.lose(pending, reason)
  }

  private greeting(): Array<string> {
    if (this.transport === "classic 1") return []
    const { openUrl, publicUrl } = this.options
    return [
      header.version,
      version2,
      header.answers,
      manyAnswers,
      ...(publicUrl === undefined ? [] : [header.publicUrl, publicUrl]),
      ...(openUrl === undefined ? [] : [header.openUrl, openUrl]),
    ]
  }

  private sendNothing(response: ServerResponse): void {
    response.writeHead(204, this.greeting())
    response.end()
    if (this.parked.length === 0) this.maybeSilent()
  }

  private sendShuttingDown(response: ServerResponse): void {
    response.shouldKeepAlive = false
    answerText(response, 503, text.shuttingDown)
  }
}

/** Classic has no upgrades: the field is left out, and the server answers by HTTP (RFC 9110 7.8). */
const plainHead = (pending: Pending): RequestHead => {
  const { headers } = pending.head
  return upgradeOf(headers) === undefined
    ? pending.head
    : { ...pending.head, headers: strip(headers) }
}

const toOffer = (pending: Pending): Offer => ({
  _tag: "Offer",
  id: pending.id,
  head: plainHead(pending),
  body: bodyKind(pending),
})

const bodyKind = ({ body, head }: Pending): RequestBody => {
  if (upgradeOf(head.headers) !== undefined) return { _tag: "None" }
  if (body.whole !== undefined && body.whole.length <= maxInline)
    return body.whole.length === 0 ? { _tag: "None" } : { _tag: "Inline", bytes: body.whole }
  return body.length === undefined ? { _tag: "Fetch" } : { _tag: "Fetch", length: body.length }
}
