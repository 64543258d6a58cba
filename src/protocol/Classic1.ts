/**
 * The codec of classic 1, the original's dialect: byte for byte what the
 * published Rust binaries read and write (protocol.md, Classic 1).
 */
import * as Result from "effect/Result"
import type { Header, HeaderList } from "../domain/HeaderList.ts"
import { isName, isValue } from "../domain/HeaderList.ts"
import type { RequestId } from "../domain/RequestId.ts"
import { isRequestId } from "../domain/RequestId.ts"
import type { Offer, RequestHead, ResponseHead } from "./Message.ts"
import * as MsgPack from "./MsgPack.ts"
import { header, maxHead } from "./Wire.ts"
import { WireError } from "./WireError.ts"

const methods = ["GET", "HEAD", "POST", "PUT"]
const statuses = [200, 204, 206, 304, 307, 400, 403, 404, 405, 416, 500]

/** Whether a Rust server would answer a request of this method at all. */
export const carriesMethod = (method: string): boolean => method === "GET" || method === "HEAD"

/** Whether classic 1 has this status. */
export const carriesStatus = (status: number): boolean => statuses.includes(status)

/**
 * The listed status that says nearest what `status` says: within its class,
 * and never one that gives the body another meaning (206, 204, 304).
 */
export const nearestStatus = (status: number): number => {
  if (carriesStatus(status)) return status
  if (status < 300) return 200
  if (status < 400) return 307
  if (status >= 500) return 500
  const client = statuses.filter((listed) => listed >= 400 && listed < 500)
  return client.reduce((best, listed) =>
    Math.abs(listed - status) < Math.abs(best - status) ? listed : best,
  )
}

/**
 * One value a name, lower case. Repeated fields are joined where that is
 * legal; of `Set-Cookie`, where it is not, the first stays.
 */
const single = (headers: HeaderList): Map<string, string> => {
  const fields = new Map<string, string>()
  for (const [key, value] of headers) {
    const name = key.toLowerCase()
    const before = fields.get(name)
    if (before === undefined) fields.set(name, value)
    else if (name !== "set-cookie") {
      fields.set(name, `${before}${name === "cookie" ? "; " : ", "}${value}`)
    }
  }
  return fields
}

const writeHeaders = (writer: MsgPack.Writer, headers: HeaderList): void => {
  const fields = single(headers)
  writer.map(fields.size)
  for (const [name, value] of fields) {
    writer.str(name)
    writer.byteArray(value)
  }
}

const fail = (detail: string): Result.Result<never, WireError> =>
  Result.fail(new WireError({ detail }))

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array)

const readVariant = (value: unknown): number | undefined => {
  if (!isRecord(value)) return undefined
  const keys = Object.keys(value)
  const key = keys[0]
  if (keys.length !== 1 || key === undefined || !/^\d{1,3}$/.test(key)) return undefined
  return value[key] === null ? Number(key) : undefined
}

const readBytes = (value: unknown): string | undefined => {
  if (!Array.isArray(value)) return undefined
  for (const byte of value) {
    if (!Number.isInteger(byte) || byte < 0 || byte > 255) return undefined
  }
  return Buffer.from(value).toString("latin1")
}

const readHeaders = (value: unknown): Result.Result<HeaderList, WireError> => {
  if (!isRecord(value)) return fail("headers are no map")
  const headers: Array<Header> = []
  for (const key of Object.keys(value)) {
    const name = key.slice(MsgPack.keyMark.length)
    const text = readBytes(value[key])
    if (!key.startsWith(MsgPack.keyMark) || !isName(name)) return fail("a header name is illegal")
    if (text === undefined || !isValue(text)) return fail("a header value is illegal")
    headers.push([name, text])
  }
  return Result.succeed(headers)
}

/** What a Rust server can be told: it knows no other method and fetches no body. */
export interface ClassicRequest {
  readonly id: RequestId
  readonly head: RequestHead
}

/**
 * Writes a listen answer.
 *
 * @param requests each with a method of which {@link carriesMethod} holds, or POST or PUT
 */
export const encodeListenAnswer = (requests: ReadonlyArray<ClassicRequest>): Buffer => {
  const writer = new MsgPack.Writer()
  writer.array(requests.length)
  for (const { id, head } of requests) {
    writer.array(2)
    writer.str(id)
    writer.array(3)
    writer.variant(methods.indexOf(head.method))
    writer.str(head.target)
    writeHeaders(writer, head.headers)
  }
  return writer.take()
}

const readRequest = (value: unknown): Result.Result<Offer, WireError> => {
  if (!Array.isArray(value) || value.length !== 2) return fail("a wrapped request is no pair")
  const [id, request] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is no ULID")
  if (!Array.isArray(request) || request.length !== 3) return fail("a request is no triple")
  const method = methods[readVariant(request[0]) ?? -1]
  const target = request[1]
  if (method === undefined) return fail("a method is not listed")
  if (typeof target !== "string" || !/^\/[\x21-\x7e\x80-\uffff]*$/.test(target))
    return fail("a uri is no path")
  return Result.map(readHeaders(request[2]), (headers) => ({
    _tag: "Offer",
    id,
    head: { method, target: toByteString(target), headers },
    body: { _tag: "None" },
  }))
}

const toByteString = (text: string): string =>
  /[^\x00-\x7f]/.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text

/** Reads a listen answer: one to many requests. */
export const decodeListenAnswer = (
  bytes: Uint8Array,
): Result.Result<ReadonlyArray<Offer>, WireError> =>
  Result.flatMap(MsgPack.decode(bytes), (value): Result.Result<ReadonlyArray<Offer>, WireError> => {
    if (!Array.isArray(value)) return fail("a listen answer is no array")
    const offers: Array<Offer> = []
    for (const wrapped of value) {
      const offer = readRequest(wrapped)
      if (Result.isFailure(offer)) return Result.fail(offer.failure)
      offers.push(offer.success)
    }
    return Result.succeed(offers)
  })

/**
 * The value of the `X-PTTH-2LJYXWC4` header. A status that classic 1 does not
 * have is replaced by the nearest one, and the real one is kept in
 * `X-PTTH-Status`.
 */
export const encodeResponseHead = (head: ResponseHead): string => {
  const writer = new MsgPack.Writer()
  const status = nearestStatus(head.status)
  writer.array(2)
  writer.variant(statuses.indexOf(status))
  writeHeaders(
    writer,
    status === head.status ? head.headers : [...head.headers, [header.status, `${head.status}`]],
  )
  return writer.take().toString("base64")
}

/** Reads the value of the `X-PTTH-2LJYXWC4` header; a status kept in `X-PTTH-Status` is put back. */
export const decodeResponseHead = (text: string): Result.Result<ResponseHead, WireError> => {
  if (text.length > 2 * maxHead) return fail("the response head is too large")
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return fail("the response head is no base64")
  return Result.flatMap(MsgPack.decode(Buffer.from(text, "base64")), (value) => {
    if (!Array.isArray(value) || value.length !== 2) return fail("a response head is no pair")
    const status = statuses[readVariant(value[0]) ?? -1]
    if (status === undefined) return fail("a status is not listed")
    return Result.map(readHeaders(value[1]), (headers) => restore(status, headers))
  })
}

const restore = (listed: number, headers: HeaderList): ResponseHead => {
  const kept = headers.find(([name]) => name === header.status)
  const status = kept !== undefined && /^[2-5]\d\d$/.test(kept[1]) ? Number(kept[1]) : listed
  return {
    status: nearestStatus(status) === listed ? status : listed,
    headers: kept === undefined ? headers : headers.filter(([name]) => name !== header.status),
  }
}
