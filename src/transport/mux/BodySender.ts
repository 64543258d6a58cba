/**
 * Sends the body of one direction of a stream, as fast as the other end's
 * credit and the wire allow.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError, ExchangeError } from "../../protocol/Exchange.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { Body, BodyFlow, BodySink } from "../body/Body.ts"

/** What a sender uses of its link. */
export interface SenderLink {
  /** Whether the wire takes no more. */
  readonly isFull: boolean
  /** How many bytes of large bodies may be sent now. */
  readonly bulkRoom: number
  /** Has `pump` called once there may be room on the wire, or for a large body. */
  block(sender: BodySender): void
  /** Queues bytes for the end of this turn of the event loop. */
  send(...chunks: ReadonlyArray<Uint8Array>): void
  /** The same for a piece of a large body. */
  sendBulk(header: Uint8Array, bytes: Uint8Array): void
  /** Has `release` called once what is queued by now has been written. */
  releaseAfter(release: () => void): void
}

/** What a sender tells its stream. */
export interface SenderEvents {
  /** Everything has been sent. */
  sent(): void
  /** The body cannot be sent. */
  abort(reason: StreamFrame.ResetReason, error?: ExchangeError): void
}

/**
 * - `Idle`: there is no body yet.
 * - `Held`: the body must not be read before the first credit.
 * - `Reading`: the body is read, and sent.
 * - `Ending`: the body has ended; what is left waits for credit or the wire.
 * - `Ended`: everything has been sent.
 * - `Stopped`: the stream was given up.
 */
type State = "Idle" | "Held" | "Reading" | "Ending" | "Ended" | "Stopped"

/** The most bytes of one data frame. */
const largestData = 256 * 1024

/** So many bytes of each body are sent without regard to {@link SenderLink.bulkRoom}. */
export const freeBytes = 16 * 1024

/** A body of up to so many bytes, if they are all here, is sent in the frame of its head. */
const joinBelow = 64 * 1024

/** No bytes. */
export const noBytes = new Uint8Array(0)

const noTrailers: HeaderList = []

/** The whole body, if it is to be sent in the frame of its head. */
export const bytesWithHead = ({ whole }: Body): Uint8Array | undefined =>
  whole !== undefined && whole.length <= joinBelow ? whole : undefined

/** See the file's header. */
export class BodySender implements BodySink {
  private readonly link: SenderLink
  private readonly id: number
  private readonly events: SenderEvents
  private state: State = "Idle"
  /** How many bytes the other end takes now. */
  private credit: number
  private held: Body | undefined
  private flow: BodyFlow | undefined
  /** Bytes of the body that wait for credit or the wire. */
  private rest: Uint8Array = noBytes
  private restRelease: (() => void) | undefined
  private trailers: HeaderList = noTrailers
  /** How much of the promised length has not been sent, in bytes. */
  private toSend: number | undefined
  /** How many bytes may still be sent as those of a small body. */
  private free = freeBytes
  /** How many sent bytes the other end has given no credit for yet. */
  private uncredited = 0

  constructor(link: SenderLink, id: number, credit: number, events: SenderEvents) {
    this.link = link
    this.id = id
    this.credit = credit
    this.events = events
  }

  /** Whether everything has been sent. */
  get hasEnded(): boolean {
    return this.state === "Ended"
  }

  /** Whether what it sends next is part of a large body. */
  get isBulk(): boolean {
    return this.free === 0
  }

  /** Sends a body. */
  send(body: Body): void {
    this.state = "Reading"
    this.toSend = body.length
    this.flow = body.read(this)
  }

  /** Sends a body once the other end gives the first credit. */
  sendHeld(body: Body): void {
    this.state = "Held"
    this.credit = 0
    this.held = body
  }

  /** The whole body has been sent with its head. */
  finish(): void {
    this.state = "Ended"
    this.events.sent()
  }

  /** Frees the body and what waits of it. */
  stop(): void {
    this.state = "Stopped"
    this.flow?.cancel()
    this.held?.discard()
    this.held = undefined
    this.rest = noBytes
    this.restRelease = undefined
  }

  /** Whether credit is due: bytes were sent that there was none for yet, or the body waits for the first. */
  get isCreditDue(): boolean {
    return this.held !== undefined || this.uncredited > 0
  }

  /** The other end takes so many bytes more. */
  addCredit(bytes: number): void {
    const before = this.credit
    this.uncredited = Math.max(0, this.uncredited - bytes)
    this.credit = Math.min(this.credit + bytes, 0xffff_ffff)
    const { held } = this
    if (held !== undefined) {
      this.held = undefined
      return this.send(held)
    }
    if (before === 0 || this.rest.length > 0) this.pump()
  }

  /** Goes on after credit or the wire's buffer ran out. */
  pump(): void {
    if (!this.isSending) return
    this.write()
    if (this.hasEnded || this.wantsMore()) this.flow?.resume()
  }

  data(chunk: Uint8Array, release?: () => void): boolean {
    if (this.hasEnded) return this.surplus(chunk)
    if (!this.isSending) return false
    if (this.toSend !== undefined && this.rest.length + chunk.length > this.toSend) {
      this.fail(new BodyError({ reason: "long", detail: "more bytes than promised" }))
      return false
    }
    this.append(chunk, release)
    this.write()
    return this.hasEnded || this.wantsMore()
  }

  end(trailers: HeaderList): void {
    if (!this.isSending) return
    if (this.toSend !== undefined && this.rest.length < this.toSend)
      return this.fail(new BodyError({ reason: "short", detail: "fewer bytes than promised" }))
    this.state = "Ending"
    this.trailers = trailers
    this.write()
  }

  fail(error: BodyError): void {
    if (this.hasEnded) return
    const detail = error.message
    this.events.abort(error.reason, new ExchangeError({ code: "PTTH_BAD_REQUEST", detail }))
  }

  private get isBlocked(): boolean {
    return this.link.isFull || (this.isBulk && this.link.bulkRoom === 0)
  }

  private get isSending(): boolean {
    return this.state !== "Ended" && this.state !== "Stopped"
  }

  /** The promised bytes are sent, so the body has to end by itself; further bytes are not needed. */
  private surplus(chunk: Uint8Array): boolean {
    if (chunk.length > 0) this.flow?.cancel()
    return chunk.length === 0
  }

  private append(chunk: Uint8Array, release: (() => void) | undefined): void {
    const isFirst = this.rest.length === 0
    this.rest = isFirst ? chunk : Buffer.concat([this.rest, chunk])
    this.restRelease = isFirst ? release : undefined
  }

  /** Whether more of the body can be sent now; if only the wire is full, it is waited for. */
  private wantsMore(): boolean {
    if (!this.isSending || this.rest.length > 0 || this.credit === 0) return false
    if (!this.isBlocked) return true
    this.link.block(this)
    return false
  }

  /** Sends what credit and the wire allow of what is waiting. */
  private write(): void {
    while (this.rest.length > 0 && this.credit > 0) {
      if (this.isBlocked) return this.link.block(this)
      if (this.writeData()) return this.finish()
    }
    if (this.rest.length === 0 && this.state === "Ending") this.writeEnd()
  }

  /** Sends one frame; whether it was the last of the direction. */
  private writeData(): boolean {
    const { id, link, rest } = this
    const { isBulk } = this
    const most = isBulk ? link.bulkRoom : Math.max(this.free, link.bulkRoom)
    const count = Math.min(rest.length, this.credit, largestData, most)
    const isAll = count === rest.length
    this.free = Math.max(0, this.free - count)
    this.rest = isAll ? noBytes : rest.subarray(count)
    this.credit -= count
    this.uncredited += count
    if (this.toSend !== undefined) this.toSend -= count
    if (isAll && this.restRelease !== undefined) {
      link.releaseAfter(this.restRelease)
      this.restRelease = undefined
    }
    const isLast = this.toSend === 0 && this.trailers.length === 0
    const header = StreamFrame.dataHeader(id, isLast ? StreamFrame.flagEnd : 0, count)
    const bytes = isAll ? rest : rest.subarray(0, count)
    if (isBulk) link.sendBulk(header, bytes)
    else link.send(header, bytes)
    return isLast
  }

  private writeEnd(): void {
    if (!StreamFrame.fitsEnd(this.trailers)) return this.events.abort("limit")
    this.link.send(StreamFrame.end(this.id, this.trailers))
    this.finish()
  }
}
