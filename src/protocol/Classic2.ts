/**
 * The codec of classic 2: HTTP/1.1 requests that carry all of HTTP but upgrades.
 * Each message starts with a big-endian u32 length and a MessagePack head;
 * `docs/protocol.md` has the layout.
 */
import * as Result from "effect/Result"
import type { Header, HeaderList } from "../domain/HeaderList.ts"
import { isName, isValue } from "../domain/HeaderList.ts"
import type { RequestId } from "../domain/RequestId.ts"
import { isRequestId } from "../domain/RequestId.ts"
import {
  type Answer,
  type Cancel,
  type InterimHead,
  isInterimStatus,
  isMethod,
  isStatus,
  isTarget,
  type ListenAnswer,
  type Offer,
  type RequestBody,
  type ResponseHead,
} from "./Message.ts"
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

const readHeaders = (value: MsgPack.Value | undefined): Result.Result<HeaderList, WireError> => {
  if (!MsgPack.isArray(value)) return fail("headers are not an array")
  const headers: Array<Header> = new Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const field = value[i]
    if (!MsgPack.isArray(field) || field.length !== 2) return fail("a header is not a pair")
    const [name, bytes] = field
    if (typeof name !== "string" || !isName(name)) return fail("a header name is illegal")
    if (!(bytes instanceof MsgPack.ByteString)) return fail("a header value is not bytes")
    if (!isValue(bytes.text)) return fail("a header value is illegal")
    headers[i] = [name, bytes.text]
  }
  return Result.succeed(headers)
}

/** What a head declares of its body; the bytes of an inline body follow the head. */
type DeclaredBody =
  | { readonly _tag: "None" }
  | { readonly _tag: "Inline"; readonly length: number }
  | { readonly _tag: "Fetch"; readonly length?: number }

const isNatural = (value: MsgPack.Value | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const readDeclaredBody = (value: MsgPack.Value | undefined): DeclaredBody | undefined => {
  if (value === null) return { _tag: "None" }
  if (isNatural(value)) return value <= maxInline ? { _tag: "Inline", length: value } : undefined
  if (!MsgPack.isArray(value) || value.length !== 1) return undefined
  const [length] = value
  if (length === null) return { _tag: "Fetch" }
  return isNatural(length) ? { _tag: "Fetch", length } : undefined
}

/** An entry of a listen answer before its inline body is cut off. */
type EntryHead = Cancel | (Omit<Offer, "body"> & { readonly declared: DeclaredBody })

const readEntry = (value: MsgPack.Value): Result.Result<EntryHead, WireError> => {
  if (!MsgPack.isArray(value)) return fail("an entry is not an array")
  const [id, method, target, fields, body] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is not a ULID")
  if (value.length === 1) return Result.succeed({ _tag: "Cancel", id })
  if (value.length !== 5) return fail("an entry has neither one nor five parts")
  if (typeof method !== "string" || !isMethod(method)) return fail("a method is illegal")
  if (typeof target !== "string" || !isTarget(target)) return fail("a target is illegal")
  const declared = readDeclaredBody(body)
  if (declared === undefined) return fail("a body is illegal")
  return Result.map(readHeaders(fields), (headers) => ({
    _tag: "Offer",
    id,
    head: { method, target, headers },
    declared,
  }))
}

/**
 * Reads a sequence of entries, each a length, a MessagePack head of that length
 * and a body whose length the head declares. The body given to `make` is a view
 * of `bytes`.
 */
const readEntries = <A, B>(
  bytes: Buffer,
  read: (value: MsgPack.Value) => Result.Result<A, WireError>,
  lengthOf: (entry: A) => number,
  make: (entry: A, body: Buffer) => B,
): Result.Result<ReadonlyArray<B>, WireError> => {
  const entries: Array<B> = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return fail("a length is cut short")
    const start = at + 4
    const end = start + bytes.readUInt32BE(at)
    if (end - start > maxHead) return fail("a head is too large")
    if (end > bytes.length) return fail("a head is cut short")
    const entry = Result.flatMap(MsgPack.decode(bytes, start, end), read)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    at = end + lengthOf(entry.success)
    if (at > bytes.length) return fail("a body is cut short")
    entries.push(make(entry.success, bytes.subarray(end, at)))
  }
  return Result.succeed(entries)
}

/** Reads a listen answer. Inline bodies are views of `bytes`. */
export const decodeListenAnswer = (bytes: Uint8Array): Result.Result<ListenAnswer, WireError> =>
  readEntries(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    readEntry,
    (entry) =>
      entry._tag === "Offer" && entry.declared._tag === "Inline" ? entry.declared.length : 0,
    (entry, inline): Offer | Cancel => {
      if (entry._tag === "Cancel") return entry
      const { declared, head, id } = entry
      const body =
        declared._tag === "Inline" ? ({ _tag: "Inline", bytes: inline } as const) : declared
      return { _tag: "Offer", id, head, body }
    },
  )

/** Writes the response head that precedes the body of a respond (P5). */
export const encodeResponseHead = (head: ResponseHead): Buffer => {
  const start = writer.reserve()
  writer.array(2)
  writer.uint(head.status)
  writeHeaders(head.headers)
  writer.fill(start)
  return writer.take()
}

/** The result of {@link decodeResponseHead}. */
export interface DecodedResponseHead {
  readonly head: ResponseHead
  /** The offset at which the body starts. */
  readonly end: number
}

/**
 * Reads the response head at the start of a respond (P5). `undefined`: the head
 * is not complete yet; it has at most {@link maxHead} + 4 bytes.
 */
export const decodeResponseHead = (
  bytes: Buffer,
): Result.Result<DecodedResponseHead | undefined, WireError> => {
  if (bytes.length < 4) return Result.succeed(undefined)
  const end = 4 + bytes.readUInt32BE(0)
  if (end > 4 + maxHead) return fail("the response head is too large")
  if (bytes.length < end) return Result.succeed(undefined)
  return Result.flatMap(MsgPack.decode(bytes, 4, end), (value) => {
    if (!MsgPack.isArray(value) || value.length !== 2) return fail("a response head is not a pair")
    return Result.map(readResponseHead(value[0], value[1]), (head) => ({ head, end }))
  })
}

/** Reads an interim response, which is the whole body of a POST. */
export const decodeInterimHead = (bytes: Buffer): Result.Result<InterimHead, WireError> => {
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== bytes.length - 4)
    return fail("an interim response has another length")
  return Result.flatMap(MsgPack.decode(bytes, 4, bytes.length), (value) => {
    if (!MsgPack.isArray(value) || value.length !== 2) return fail("a response head is not a pair")
    const [status, fields] = value
    if (typeof status !== "number" || !isInterimStatus(status)) return fail("a status is illegal")
    return Result.map(readHeaders(fields), (headers) => ({ status, headers }))
  })
}

const readResponseHead = (
  status: MsgPack.Value | undefined,
  fields: MsgPack.Value | undefined,
): Result.Result<ResponseHead, WireError> => {
  if (typeof status !== "number" || !isStatus(status)) return fail("a status is illegal")
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

/** One of several answers; `head` is `undefined` if it was illegal. */
export interface DecodedAnswer {
  readonly id: RequestId
  readonly head: ResponseHead | undefined
  readonly bytes: Buffer
}

const readAnswer = (
  value: MsgPack.Value,
): Result.Result<Omit<DecodedAnswer, "bytes"> & { readonly length: number }, WireError> => {
  if (!MsgPack.isArray(value) || value.length !== 4)
    return fail("an answer does not have four parts")
  const [id, status, fields, length] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is not a ULID")
  if (!isNatural(length) || length > maxAnswerBody) return fail("a body is too large")
  const head = Result.getOrUndefined(readResponseHead(status, fields))
  return Result.succeed({ id, head, length })
}

/**
 * Reads several answers. Their bodies are views of `bytes`. An illegal head
 * affects only its own answer.
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
