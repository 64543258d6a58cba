/**
 * Lines of an access log, one for each request that has ended. They contain
 * only header fields that cannot hold a key, and no secrets of addresses, so
 * that the log may be shown to others.
 */
import { first } from "../../domain/HeaderList.ts"
import { withoutSecrets } from "../../domain/SecretNames.ts"
import type { VisitRecord } from "./VisitRecord.ts"

/** JSON, or one of the formats of Apache and Nginx. */
export type Format = "json" | "common" | "combined"

/** What a line has besides the record of the visit. */
export interface LineContext {
  /** When the request ended, in milliseconds since 1970. */
  readonly at: number
  /** The client's address: the peer of the socket, or what a trusted proxy names. */
  readonly address: string
  /** The trace of the request, if it is traced. */
  readonly traceId?: string | undefined
  /** The id of the relay, if it is one of several. */
  readonly relay?: string | undefined
}

/** Characters that control a terminal, or that some readers take for a line's end. */
const control = /[\u007f-\u009f\u2028\u2029]/g

/** A value as JSON in which control characters are escaped. */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(
    control,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )

const thousandth = (millis: number | undefined): number | undefined =>
  millis === undefined ? undefined : Math.round(millis * 1000) / 1000

const field = (visit: VisitRecord, name: string): string | undefined =>
  visit.head === undefined ? undefined : first(visit.head.headers, name)

const scrubbed = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : withoutSecrets(text)

const jsonLine = (visit: VisitRecord, { address, at, relay, traceId }: LineContext): string =>
  json({
    time: new Date(at).toISOString(),
    address,
    method: visit.method,
    host: field(visit, "host"),
    target: withoutSecrets(visit.head?.target ?? visit.target),
    version: visit.version,
    status: visit.status ?? null,
    whole: visit.whole,
    code: visit.code,
    request_id: visit.failureId,
    server: visit.server === "" ? undefined : visit.server,
    transport: visit.transport === "none" ? undefined : visit.transport,
    relay,
    hop: visit.hop,
    ms: thousandth(visit.millis),
    wait_ms: thousandth(visit.waitMillis),
    tunnel_ms: thousandth(visit.tunnelMillis),
    bytes_in: visit.bytesIn,
    bytes_out: visit.bytesOut,
    referer: scrubbed(field(visit, "referer")),
    user_agent: field(visit, "user-agent"),
    trace_id: traceId,
  })

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"].concat([
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
])

/** In UTC, as in `10/Oct/2000:13:55:36 +0000`. */
const commonTime = (at: number): string => {
  const iso = new Date(at).toISOString()
  return `${iso.slice(8, 10)}/${months[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`
}

/** Text between quotes, as Apache and Nginx write it. */
const quoted = (text: string): string =>
  `"${text.replace(
    /[^\x20-\x7e]|["\\]/g,
    (character) => `\\x${(character.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`,
  )}"`

/** The status that Nginx logs for a client that left before the response. */
const clientClosedRequest = 499

const commonLine = (visit: VisitRecord, { address, at }: LineContext): string => {
  const request = `${visit.method} ${withoutSecrets(visit.head?.target ?? visit.target)} HTTP/${visit.version}`
  const size = visit.bytesOut === 0 ? "-" : `${visit.bytesOut}`
  return `${address} - - [${commonTime(at)}] ${quoted(request)} ${visit.status ?? clientClosedRequest} ${size}`
}

const combinedLine = (visit: VisitRecord, context: LineContext): string => {
  const referer = quoted(scrubbed(field(visit, "referer")) ?? "-")
  return `${commonLine(visit, context)} ${referer} ${quoted(field(visit, "user-agent") ?? "-")}`
}

const formats = { json: jsonLine, common: commonLine, combined: combinedLine }

/** The line of a request with a line feed at its end. The visit must still have its head. */
export const line = (format: Format, visit: VisitRecord, context: LineContext): string =>
  `${formats[format](visit, context)}\n`
