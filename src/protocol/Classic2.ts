/**
 * The codec of classic 2: plain HTTP requests that carry everything HTTP has.
 * Each message starts with a big-endian u32 length and a MessagePack head
 * (protocol.md, Classic 2; `docs/protocol.md` has the exact layout).
 */
import * as Result from "effect/Result"
import type { Header, HeaderList } from "../domain/HeaderList.ts"
import { isName, isValue } from "../domain/HeaderList.ts"
import type { RequestId } from "../domain/RequestId.ts"
import { isRequestId } from "../domain/RequestId.ts"
import type { Answer, Cancel, ListenAnswer, Offer, RequestBody, ResponseHead } from "./Message.ts"
import * as MsgPack from "./MsgPack.ts"
import { maxAnswerBody, maxHead, maxInline } from "./Wire.ts"
import { WireError } from "./WireError.ts"

const fail = (detail: string): Result.Result<never, WireError> =>
  Result.fail(new WireError({ detail }))

const writer = new MsgPack.Writer()

const writeHeaders = (headers: HeaderList): void => {
  writer.array(headers.length)
  for (const [name, value] of headers) {
    writer.array(2)
    writer.str(name)
    writer.bin(value)
  }
}

const writeBody = (body: RequestBody): void => {
  switch (body._tag) {
    case "None":
      return writer.nil()
    case "Inline":
      return writer.uint(body.bytes.length)
    case "Fetch":
      writer.array(1)
      return body.length === undefined ? writer.nil() : writer.uint(body.length)
  }
}

/** Writes a listen answer. */
export const encodeListenAnswer = (entries: ListenAnswer): Buffer => {
  for (const entry of entries) {
    const start = writer.reserve()
    if (entry._tag === "Cancel") {
      writer.array(1)
      writer.str(entry.id)
      writer.fill(start)
      continue
    }
    writer.array(5)
    writer.str(entry.id)
    writer.str(entry.head.method)
    writer.str(entry.head.target)
    writeHeaders(entry.head.headers)
    writeBody(entry.body)
    writer.fill(start)
    if (entry.body._tag === "Inline") writer.raw(entry.body.bytes)
  }
  return writer.take()
}

const readHeaders = (value: unknown): Result.Result<HeaderList, WireError> => {
  if (!Array.isArray(value)) return fail("headers are no array")
  const headers: Array<Header> = new Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const field = value[i]
    if (!Array.isArray(field) || field.length !== 2) return fail("a header is no pair")
    const [name, bytes] = field
    if (typeof name !== "string" || !isName(name)) return fail("a header name is illegal")
    if (!(bytes instanceof Uint8Array)) return fail("a header value is no bytes")
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
    if (!isValue(text)) return fail("a header value is illegal")
    headers[i] = [name, text]
  }
  return Result.succeed(headers)
}

/** What a head says of the body; the bytes of an inline one are yet to be cut off. */
type BodyKind =
  | { readonly _tag: "None" }
  | { readonly _tag: "Inline"; readonly length: number }
  | { readonly _tag: "Fetch"; readonly length?: number }

const isNatural = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const readBodyKind = (value: unknown): BodyKind | undefined => {
  if (value === null) return { _tag: "None" }
  if (isNatural(value)) return value <= maxInline ? { _tag: "Inline", length: value } : undefined
  if (!Array.isArray(value) || value.length !== 1) return undefined
  const length: unknown = value[0]
  if (length === null) return { _tag: "Fetch" }
  return isNatural(length) ? { _tag: "Fetch", length } : undefined
}

const methodPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const targetPattern = /^\/[\x21-\x7e\x80-\xff]*$/

const readEntry = (
  value: unknown,
): Result.Result<Cancel | (Omit<Offer, "body"> & { readonly kind: BodyKind }), WireError> => {
  if (!Array.isArray(value)) return fail("an entry is no array")
  const [id, method, target, fields, body] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is no ULID")
  if (value.length === 1) return Result.succeed({ _tag: "Cancel", id })
  if (value.length !== 5) return fail("an entry has neither one nor five parts")
  if (typeof method !== "string" || !methodPattern.test(method)) return fail("a method is illegal")
  if (typeof target !== "string" || !targetPattern.test(target)) return fail("a target is illegal")
  const kind = readBodyKind(body)
  if (kind === undefined) return fail("a body kind is illegal")
  return Result.map(readHeaders(fields), (headers) => ({
    _tag: "Offer",
    id: id as RequestId,
    head: { method, target, headers },
    kind,
  }))
}

/**
 * Reads entries that each are a length, so many bytes of MessagePack, and a body
 * as long as they say. What `make` gets of a body is a view of `bytes`.
 */
const readEntries = <A, B>(
  bytes: Uint8Array,
  read: (value: unknown) => Result.Result<A, WireError>,
  lengthOf: (entry: A) => number,
  make: (entry: A, body: Buffer) => B,
): Result.Result<ReadonlyArray<B>, WireError> => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: Array<B> = []
  let at = 0
  while (at < view.length) {
    if (at + 4 > view.length) return fail("a length is cut short")
    const start = at + 4
    const end = start + view.readUInt32BE(at)
    if (end - start > maxHead) return fail("a head is too large")
    if (end > view.length) return fail("a head is cut short")
    const entry = Result.flatMap(MsgPack.decode(view.subarray(start, end)), read)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    at = end + lengthOf(entry.success)
    if (at > view.length) return fail("a body is cut short")
    entries.push(make(entry.success, view.subarray(end, at)))
  }
  return Result.succeed(entries)
}

/** Reads a listen answer. Bytes of inline bodies are views of `bytes`. */
export const decodeListenAnswer = (bytes: Uint8Array): Result.Result<ListenAnswer, WireError> =>
  readEntries(
    bytes,
    readEntry,
    (entry) => (entry._tag === "Offer" && entry.kind._tag === "Inline" ? entry.kind.length : 0),
    (entry, inline): Offer | Cancel => {
      if (entry._tag === "Cancel") return entry
      const { head, id, kind } = entry
      const body = kind._tag === "Inline" ? ({ _tag: "Inline", bytes: inline } as const) : kind
      return { _tag: "Offer", id, head, body }
    },
  )

/** The start of a P5 body: the response's head; the body's own bytes follow. */
export const encodeResponseHead = (head: ResponseHead): Buffer => {
  const start = writer.reserve()
  writer.array(2)
  writer.uint(head.status)
  writeHeaders(head.headers)
  writer.fill(start)
  return writer.take()
}

/** What {@link decodeResponseHead} gives once it has seen enough. */
export interface DecodedResponseHead {
  readonly head: ResponseHead
  /** Where the body's own bytes start. */
  readonly end: number
}

/**
 * Reads the start of a P5 body. `undefined`: more bytes are needed, at most
 * {@link maxHead} and four.
 */
export const decodeResponseHead = (
  bytes: Buffer,
): Result.Result<DecodedResponseHead | undefined, WireError> => {
  if (bytes.length < 4) return Result.succeed(undefined)
  const end = 4 + bytes.readUInt32BE(0)
  if (end > 4 + maxHead) return fail("the response head is too large")
  if (bytes.length < end) return Result.succeed(undefined)
  return Result.flatMap(MsgPack.decode(bytes.subarray(4, end)), (value) => {
    if (!Array.isArray(value) || value.length !== 2) return fail("a response head is no pair")
    return Result.map(readResponseHead(value[0], value[1]), (head) => ({ head, end }))
  })
}

const readResponseHead = (
  status: unknown,
  fields: unknown,
): Result.Result<ResponseHead, WireError> => {
  if (!isNatural(status) || (status !== 101 && (status < 200 || status > 599)))
    return fail("a status is illegal")
  return Result.map(readHeaders(fields), (headers) => ({ status, headers }))
}

/** Writes several answers as the body of one POST. */
export const encodeAnswers = (answers: ReadonlyArray<Answer>): Buffer => {
  for (const { bytes, head, id } of answers) {
    const start = writer.reserve()
    writer.array(4)
    writer.str(id)
    writer.uint(head.status)
    writeHeaders(head.headers)
    writer.uint(bytes.length)
    writer.fill(start)
    writer.raw(bytes)
  }
  return writer.take()
}

/** One of several answers as it came; the head is missing where it was not legal. */
export interface DecodedAnswer {
  readonly id: RequestId
  readonly head: ResponseHead | undefined
  readonly bytes: Buffer
}

const readAnswer = (
  value: unknown,
): Result.Result<Omit<DecodedAnswer, "bytes"> & { readonly length: number }, WireError> => {
  if (!Array.isArray(value) || value.length !== 4) return fail("an answer has not four parts")
  const [id, status, fields, length] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is no ULID")
  if (!isNatural(length) || length > maxAnswerBody) return fail("a body is too large")
  const head = Result.getOrUndefined(readResponseHead(status, fields))
  return Result.succeed({ id, head, length })
}

/**
 * Reads several answers, whose bytes are views of `bytes`. An illegal head
 * spoils only its own answer.
 */
export const decodeAnswers = (
  bytes: Buffer,
): Result.Result<ReadonlyArray<DecodedAnswer>, WireError> =>
  readEntries(
    bytes,
    readAnswer,
    ({ length }) => length,
    ({ head, id }, body) => ({ id, head, bytes: body }),
  )
