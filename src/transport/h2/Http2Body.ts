/**
 * What a visitor sends on a stream of HTTP/2, with back-pressure: what the
 * reader does not want yet stays within the stream's window at the visitor.
 */
import type { ServerHttp2Stream } from "node:http2"
import { fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { passable } from "../../protocol/http/Trailers.ts"
import type { BodySource } from "../body/PushedBody.ts"
import { PushedBody } from "../body/PushedBody.ts"

/** What happens to a body, beside being read. */
export interface Http2BodyEvents {
  /** Called at the first read. */
  readonly onRead: () => void
  readonly received: (bytes: number) => void
  /** The rest of it is not wanted. */
  readonly abandoned: () => void
}

/** From how many bytes on a frame is passed on by itself. */
const largeFrame = 1_024

/** How many bytes of small frames are gathered at first, and at most. */
const [leastRoom, mostRoom] = [256, 16 * 1_024]

/** See the file's header. Small frames that come in one turn are passed on together, since each costs the next reader as much as a large one. */
export class Http2Body implements BodySource {
  readonly body: PushedBody
  private readonly stream: ServerHttp2Stream
  private readonly events: Http2BodyEvents
  private isBegun = false
  /** Whether the reader wants more. */
  private isWanted = false
  /** Whether the visitor has sent all of it. */
  private isWhole = false
  private trailers: HeaderList = []
  private room = Buffer.alloc(0)
  private gathered = 0

  constructor(stream: ServerHttp2Stream, length: number | undefined, events: Http2BodyEvents) {
    this.stream = stream
    this.events = events
    this.body = new PushedBody(length, this)
    this.takeFrames()
    this.watch()
  }

  /** What comes without bytes may come before anybody reads, and is not repeated: trailers, and the end of a body that is empty. */
  private watch(): void {
    const { body, stream } = this
    stream.on("trailers", (_fields, _flags, raw: unknown) => {
      if (Array.isArray(raw)) this.trailers = passable(fromRaw(raw as Array<string>))
    })
    stream.once("end", () => {
      this.passGathered()
      if (this.isWhole) body.end(this.trailers)
      else this.cut()
    })
    stream.once("aborted", () => this.cut())
    stream.once("close", () => this.cut())
  }

  resume(): void {
    this.isWanted = true
    this.stream._read(0)
    if (this.isBegun) return
    this.isBegun = true
    this.events.onRead()
  }

  /**
   * Takes frames before they get into the buffer of the stream: while the reader
   * waits, each of them would be an object of its own there, and be read by itself.
   */
  private takeFrames(): void {
    const { stream } = this
    const push = stream.push.bind(stream)
    stream.push = (chunk: Buffer | null) => {
      if (chunk !== null) return this.take(chunk)
      // A stream that was reset ends as well.
      if (!stream.closed) this.isWhole = true
      push(null)
      // Nobody reads the buffer, and only a reader gets the end.
      stream.read(0)
      return false
    }
  }

  /** `false`: the visitor is to be told of no more room in the stream's window. */
  private take(chunk: Buffer): boolean {
    this.events.received(chunk.length)
    if (chunk.length >= largeFrame && this.gathered === 0) this.pass(chunk)
    else this.gather(chunk)
    return this.isWanted
  }

  /** Copies a frame, since thousands of small objects that live on cost more. */
  private gather(chunk: Buffer): void {
    if (this.gathered === 0) setImmediate(this.passGathered)
    const size = this.gathered + chunk.length
    if (size > this.room.length) {
      if (size > mostRoom) {
        this.passGathered()
        return this.pass(chunk)
      }
      const larger = Buffer.alloc(Math.min(mostRoom, Math.max(leastRoom, 2 * size)))
      this.room.copy(larger, 0, 0, this.gathered)
      this.room = larger
    }
    this.room.set(chunk, this.gathered)
    this.gathered = size
  }

  private readonly passGathered = (): void => {
    if (this.gathered === 0) return
    const bytes = Buffer.from(this.room.subarray(0, this.gathered))
    this.gathered = 0
    this.pass(bytes)
  }

  private pass(bytes: Buffer): void {
    this.isWanted = this.body.data(bytes)
  }

  private cut(): void {
    this.body.fail(new BodyError({ reason: "cut", detail: "the stream was reset" }))
  }

  abandon(): void {
    this.isWanted = false
    this.events.abandoned()
  }
}
