/**
 * The codec of classic 1, the dialect of the original PTTH: byte for byte what
 * the published Rust binaries read and write (protocol.md, Classic 1).
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Header, HeaderList } from "../domain/HeaderList.ts"
import { isName, isValue } from "../domain/HeaderList.ts"
import { isRequestId, RequestId } from "../domain/RequestId.ts"
import {
  FinalStatus,
  isFinalStatus,
  isTarget,
  type Offer,
  RequestHead,
  ResponseHead,
} from "./Message.ts"
import * as MsgPack from "./MsgPack.ts"
import { header, maxHead } from "./Wire.ts"
import { WireError } from "./WireError.ts"

/** The methods that classic 1 has; a method's index stands for it on the wire. */
export const Method = Schema.Literals(["GET", "HEAD", "POST", "PUT"])

/** The statuses that classic 1 has; a status's index stands for it on the wire. */
export const ListedStatus = Schema.Literals([200, 204, 206, 304, 307, 400, 403, 404, 405, 416, 500])

/** A request as classic 1 has it. */
export const Request = Schema.Struct({
  id: RequestId,
  head: Schema.Struct({ ...RequestHead.fields, method: Method }),
})

/** A response head as classic 1 has it: any final status, but not 101. */
export const Response = Schema.Struct({ ...ResponseHead.fields, status: FinalStatus })

const methods: ReadonlyArray<string> = Method.literals
const statuses: ReadonlyArray<number> = ListedStatus.literals

/** Whether a Rust server answers requests of this method. */
export const carriesMethod = (method: string): boolean => method === "GET" || method === "HEAD"

/** Whether classic 1 has this status. */
export const carriesStatus = (status: number): boolean => statuses.includes(status)

/**
 * The listed status that is nearest to `status` and of the same class, but
 * never one that changes the meaning of the body (204, 206, 304).
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
 * The fields with lower-case names and one value for each name. Repeated fields
 * are joined; of `Set-Cookie`, which cannot be joined, only the first is used.
 */
const joinRepeated = (headers: HeaderList): Map<string, string> => {
  const fields = new Map<string, string>()
  for (const [key, value] of headers) {
    const name = key.toLowerCase()
    const previous = fields.get(name)
    if (previous === undefined) fields.set(name, value)
    else if (name !== "set-cookie") {
      fields.set(name, `${previous}${name === "cookie" ? "; " : ", "}${value}`)
    }
  }
  return fields
}

const writeHeaders = (writer: MsgPack.Writer, headers: HeaderList): void => {
  const fields = joinRepeated(headers)
  writer.map(fields.size)
  for (const [name, value] of fields) {
    writer.str(name)
    writer.byteArray(value)
  }
}

const fail = (detail: string): Result.Result<never, WireError> =>
  Result.fail(new WireError({ detail }))

/** The index of an enum variant; -1 if the value is not one. */
const readVariant = (value: MsgPack.Value | undefined): number => {
  if (!MsgPack.isMap(value) || value.size !== 1) return -1
  for (const [index, content] of value)
    if (typeof index === "number" && content === null) return index
  return -1
}

const isByte = (value: MsgPack.Value): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255

/** The bytes of an array of integers as a byte string. */
const readBytes = (value: MsgPack.Value): string | undefined =>
  MsgPack.isArray(value) && value.every(isByte)
    ? Buffer.from(value as ReadonlyArray<number>).toString("latin1")
    : undefined

const readHeaders = (value: MsgPack.Value | undefined): Result.Result<HeaderList, WireError> => {
  if (!MsgPack.isMap(value)) return fail("headers are not a map")
  const headers: Array<Header> = []
  for (const [name, bytes] of value) {
    const text = readBytes(bytes)
    if (typeof name !== "string" || !isName(name)) return fail("a header name is illegal")
    if (text === undefined || !isValue(text)) return fail("a header value is illegal")
    headers.push([name, text])
  }
  return Result.succeed(headers)
}

/** A request to write. It has no body, because a Rust server fetches none. */
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

const readRequest = (value: MsgPack.Value): Result.Result<Offer, WireError> => {
  if (!MsgPack.isArray(value) || value.length !== 2) return fail("a wrapped request is not a pair")
  const [id, request] = value
  if (typeof id !== "string" || !isRequestId(id)) return fail("an id is not a ULID")
  if (!MsgPack.isArray(request) || request.length !== 3) return fail("a request is not a triple")
  const [variant, uri, fields] = request
  const method = methods[readVariant(variant)]
  if (method === undefined) return fail("a method is not listed")
  const target = typeof uri === "string" ? toByteString(uri) : ""
  if (!isTarget(target)) return fail("a uri is not a path")
  return Result.map(readHeaders(fields), (headers) => ({
    _tag: "Offer",
    id,
    head: { method, target, headers },
    body: { _tag: "None" },
  }))
}

const toByteString = (text: string): string =>
  /[^\x00-\x7f]/.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text

/** Reads a listen answer. */
export const decodeListenAnswer = (
  bytes: Uint8Array,
): Result.Result<ReadonlyArray<Offer>, WireError> => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Result.flatMap(
    MsgPack.decode(view),
    (value): Result.Result<ReadonlyArray<Offer>, WireError> => {
      if (!MsgPack.isArray(value)) return fail("a listen answer is not an array")
      const offers: Array<Offer> = []
      for (const wrapped of value) {
        const offer = readRequest(wrapped)
        if (Result.isFailure(offer)) return Result.fail(offer.failure)
        offers.push(offer.success)
      }
      return Result.succeed(offers)
    },
  )
}

/**
 * Writes the value of the `X-PTTH-2LJYXWC4` header. A status that classic 1
 * does not have is replaced by the nearest listed one and sent in the field
 * `X-PTTH-Status` as well.
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

/**
 * Reads the value of the `X-PTTH-2LJYXWC4` header, with the status of
 * `X-PTTH-Status` if it has one.
 */
export const decodeResponseHead = (text: string): Result.Result<ResponseHead, WireError> => {
  if (text.length > 2 * maxHead) return fail("the response head is too large")
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return fail("the response head is not base64")
  return Result.flatMap(MsgPack.decode(Buffer.from(text, "base64")), (value) => {
    if (!MsgPack.isArray(value) || value.length !== 2) return fail("a response head is not a pair")
    const listed = statuses[readVariant(value[0])]
    if (listed === undefined) return fail("a status is not listed")
    return Result.map(readHeaders(value[1]), (headers) => restoreStatus(listed, headers))
  })
}

const restoreStatus = (listed: number, headers: HeaderList): ResponseHead => {
  const field = headers.find(([name]) => name === header.status)
  if (field === undefined) return { status: listed, headers }
  const status = /^\d{3}$/.test(field[1]) ? Number(field[1]) : listed
  return {
    status: isFinalStatus(status) && nearestStatus(status) === listed ? status : listed,
    headers: headers.filter(([name]) => name !== header.status),
  }
}
