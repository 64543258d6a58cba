/**
 * The recording of one request: its heads with their secrets masked, the start
 * of both bodies, its times, and for ten minutes what was sent, so that it can
 * be sent again.
 */
import { isDeepStrictEqual } from "node:util"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { first } from "../../domain/HeaderList.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { count, type Tally } from "../../transport/body/CountedBody.ts"
import type { VisitRecord } from "../../transport/observe/VisitRecord.ts"
import * as RedactSecrets from "./RedactSecrets.ts"
import * as ShownBody from "./ShownBody.ts"

/** How many bytes of each body are recorded. */
export const maxBody = 256 * 1024

/** How large a body may be for its text to be kept without its secrets once these are to be gone. */
const maxLeft = 10 * 1024

/** How many characters of a head's fields are recorded. */
const maxFields = 16 * 1024

/** How many characters of a target are recorded. */
const maxTarget = 4 * 1024

/** What is known of a request's way; the front keeps it. */
export type VisitTimes = Pick<
  VisitRecord,
  "waitMillis" | "tunnelMillis" | "linkMillis" | "transport" | "hop" | "code" | "status"
>

/** Why a recorded request cannot be sent again; `yes` if it can. */
export type Replayable = "yes" | "running" | "upgrade" | "cut" | "expired"

/** The request as the server received it. */
export interface OriginalRequest {
  readonly head: RequestHead
  readonly body: Uint8Array
}

/** One request, which may still be running. */
export interface Inspected {
  /** Counted from 1 by each relay. */
  readonly number: number
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number
  /** The visitor's. */
  readonly address: string
  readonly method: string
  readonly target: string
  /** As the server receives them, with secrets masked. */
  readonly headers: HeaderList
  /** `undefined` until its head arrives. */
  readonly response: { readonly status: number; readonly headers: HeaderList } | undefined
  /** `running`; `whole`: all was sent; `left`: the visitor left before; or the relay's error code. */
  readonly outcome: string
  /** How long it took, in milliseconds; `undefined` while it runs. */
  readonly millis: number | undefined
  /** The number of the request that was sent again. */
  readonly replayOf: number | undefined
}

/** The start of a body, copied while it is forwarded. */
export class BodyCapture implements Tally {
  length = 0
  /** How many bytes are kept. */
  size = 0
  /** Whether the body was read to its end. */
  isWhole = false
  private isRead = false
  /** What is kept, and room for more: a body can come in very many small pieces. */
  private memory = new Uint8Array(0)
  private isDropped = false
  private readonly onChange: (bytes: number) => void

  /** @param onChange called with how many more bytes of memory are taken */
  constructor(onChange: (bytes: number) => void) {
    this.onChange = onChange
  }

  bytes(size: number, chunk: Uint8Array): void {
    this.length += size
    if (this.isDropped) return
    const part = chunk.subarray(0, maxBody - this.size)
    if (part.length === 0) return
    const before = this.memory.length
    this.makeRoom(this.size + part.length)
    this.memory.set(part, this.size)
    this.size += part.length
    this.onChange(this.memory.length - before)
  }

  over(isWhole: boolean): void {
    // Of a body that is discarded nobody knows the rest.
    this.isWhole ||= isWhole && this.isRead
  }

  read(): Uint8Array {
    return this.memory.subarray(0, this.size)
  }

  /** Frees what is kept, and keeps no more. */
  drop(): void {
    const before = this.memory.length
    this.memory = new Uint8Array(0)
    this.size = 0
    this.isDropped = true
    this.onChange(-before)
  }

  /** Doubles the memory, so that a body in many pieces is copied few times; the first piece takes only what it needs. */
  private makeRoom(size: number): void {
    if (size <= this.memory.length) return
    const memory = new Uint8Array(Math.min(maxBody, Math.max(size, 2 * this.memory.length)))
    memory.set(this.read())
    this.memory = memory
  }

  /** The same body, captured when it is read. */
  of(body: Body): Body {
    if (body.whole !== undefined) {
      this.bytes(body.whole.length, body.whole)
      this.isWhole = true
      return body
    }
    const { content, length } = body
    const read: Body["read"] = (sink) => {
      this.isRead = true
      return body.read(sink)
    }
    return count({ length, whole: undefined, content, read, discard: () => body.discard() }, this)
  }
}

/** See the file's header. */
export class Recording {
  readonly body: BodyCapture
  readonly responseBody: BodyCapture
  readonly times: VisitTimes | undefined
  /** Whether its secrets are gone, or it was found to have none. */
  isExpired = false
  private head: Inspected
  private original: RequestHead | undefined
  /** What is left to show of the bodies once their secrets are gone. */
  private expired:
    | { readonly request: ShownBody.ShownBody; readonly response: ShownBody.ShownBody }
    | undefined
  private readonly isUpgrade: boolean
  private readonly onChange: (bytes: number) => void

  constructor(
    parts: Pick<Inspected, "number" | "at" | "address" | "replayOf">,
    head: RequestHead,
    isUpgrade: boolean,
    times: VisitTimes | undefined,
    onChange: (bytes: number) => void,
  ) {
    this.head = {
      ...parts,
      method: head.method,
      target: RedactSecrets.target(head.target).slice(0, maxTarget),
      headers: recordedFields(head.headers),
      response: undefined,
      outcome: "running",
      millis: undefined,
    }
    this.original = head
    this.isUpgrade = isUpgrade
    this.times = times
    this.onChange = onChange
    this.body = new BodyCapture(onChange)
    this.responseBody = new BodyCapture(onChange)
    onChange(0)
  }

  get number(): number {
    return this.head.number
  }

  get at(): number {
    return this.head.at
  }

  get isUpgraded(): boolean {
    return this.head.response?.status === 101
  }

  answered({ headers, status }: ResponseHead): void {
    this.update({ response: { status, headers: recordedFields(headers) } })
  }

  over(outcome: string, now: number): void {
    if (this.head.millis === undefined) this.update({ outcome, millis: now - this.head.at })
  }

  read(): Inspected {
    return this.head
  }

  /** The request's body as it is shown. */
  shownBody(): ShownBody.ShownBody {
    return (
      this.expired?.request ?? ShownBody.show(this.body.read(), this.body.length, this.head.headers)
    )
  }

  /** The response's body as it is shown. */
  shownResponseBody(): ShownBody.ShownBody {
    const { response } = this.head
    return (
      this.expired?.response ??
      ShownBody.show(this.responseBody.read(), this.responseBody.length, response?.headers ?? [])
    )
  }

  /** Whether it can be sent again. */
  get replayable(): Replayable {
    if (this.isUpgrade) return "upgrade"
    if (this.original === undefined) return "expired"
    if (this.body.size < this.body.length) return "cut"
    const length = first(this.original.headers, "content-length")
    const isWhole = length === undefined ? this.body.isWhole : Number(length) === this.body.length
    if (isWhole) return "yes"
    return this.hasEnded ? "cut" : "running"
  }

  private get hasEnded(): boolean {
    return this.head.millis !== undefined
  }

  /** The request as it was sent; `undefined` if it cannot be sent again. */
  originalRequest(): OriginalRequest | undefined {
    return this.original === undefined || this.replayable !== "yes"
      ? undefined
      : { head: this.original, body: this.body.read() }
  }

  /** Frees what was sent, secrets and all, and keeps what is shown of it. Without a secret it stays. */
  expire(): void {
    if (this.isExpired || !this.hasEnded) return
    this.isExpired = true
    const { headers, response, target } = this.head
    const request = leftOf(this.body, headers)
    const answer = leftOf(this.responseBody, response?.headers ?? [])
    const isHeadShown = isDeepStrictEqual(
      [this.original?.target, this.original?.headers],
      [target, headers],
    )
    if (isHeadShown && request === undefined && answer === undefined) return
    const left = {
      request: request ?? this.shownBody(),
      response: answer ?? this.shownResponseBody(),
    }
    this.original = undefined
    this.dropBodies()
    this.expired = left
    this.onChange(left.request.bytes.length + left.response.bytes.length)
  }

  /** Whether any bytes of its bodies are kept. */
  get hasBodies(): boolean {
    return this.body.size + this.responseBody.size > 0 || this.expired !== undefined
  }

  /** Frees the bodies. */
  dropBodies(): void {
    this.body.drop()
    this.responseBody.drop()
    if (this.expired === undefined) return
    const { request, response } = this.expired
    this.expired = undefined
    this.onChange(-(request.bytes.length + response.bytes.length))
  }

  private update(changed: Partial<Inspected>): void {
    this.head = { ...this.head, ...changed }
    this.onChange(0)
  }
}

/** What is left of a body to show once its secrets are to be gone; `undefined`: there is none in it. */
const leftOf = (body: BodyCapture, headers: HeaderList): ShownBody.ShownBody | undefined => {
  const bytes = body.read()
  if (bytes.length > maxLeft)
    return ShownBody.isPicture(headers) ? undefined : ShownBody.gone(body.length, headers)
  const shownBody = ShownBody.show(bytes, body.length, headers)
  return ShownBody.isAsSent(shownBody, bytes) ? undefined : shownBody
}

/** The first fields, with their secrets masked, and how many were left out. */
const recordedFields = (headers: HeaderList): HeaderList => {
  let charactersLeft = maxFields
  const fields = headers.filter(([name, value]) => {
    charactersLeft -= name.length + value.length
    return charactersLeft >= 0
  })
  const omitted = headers.length - fields.length
  return RedactSecrets.fields(omitted === 0 ? fields : [...fields, ["…", `${omitted} more fields`]])
}
