/**
 * The lines of an access log: one for each request that is over. Of its
 * fields only those are written that cannot hold a key, and what looks like a
 * secret in an address is taken out, so that the log may be shown to others.
 */
import { first } from "../../domain/HeaderList.ts"
import type { VisitRecord } from "./VisitRecord.ts"

/** How lines are written: as JSON, or as the formats of other servers' logs. */
export type Format = "json" | "common" | "combined"

/** What is not in the record of a visit itself. */
export interface Seen {
  /** When it was over, in milliseconds since 1970. */
  readonly at: number
  /** Whose request it is: the address of the other end, or what a trusted proxy says. */
  readonly address: string
  /** The trace that it belongs to, if it is traced. */
  readonly traceId?: string | undefined
}

const secretNames =
  /token|secret|passw|pwd|passphrase|api[-_.]?key|^key$|auth|^code$|signature|^sig$|session|^sid$|jwt|credential/i

/** Whether something that is called so is likely to be a secret. */
export const isSecretName = (name: string): boolean => secretNames.test(name)

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * An address without secrets: the value of every query parameter that is
 * called like one is `***`, and a user's name and password before the host
 * are left out.
 */
export const withoutSecrets = (target: string): string => {
  const plain = target.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1")
  const question = plain.indexOf("?")
  if (question < 0) return plain
  const query = plain
    .slice(question + 1)
    .replace(/([^&;=#]+)=([^&;#]*)/g, (pair, name: string) =>
      isSecretName(decoded(name)) ? `${name}=***` : pair,
    )
  return `${plain.slice(0, question)}?${query}`
}

/** What moves a terminal's cursor, or is a line's end to somebody. */
const control = /[\u007f-\u009f\u2028\u2029]/g

/** A value as JSON that says nothing to a terminal that shows it. */
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

const jsonLine = (visit: VisitRecord, { address, at, traceId }: Seen): string =>
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
    server: visit.server === "" ? undefined : visit.server,
    transport: visit.transport === "none" ? undefined : visit.transport,
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

/** Who left before there was an answer has the status that Nginx gives them. */
const left = 499

const commonLine = (visit: VisitRecord, { address, at }: Seen): string => {
  const request = `${visit.method} ${withoutSecrets(visit.head?.target ?? visit.target)} HTTP/${visit.version}`
  const size = visit.bytesOut === 0 ? "-" : `${visit.bytesOut}`
  return `${address} - - [${commonTime(at)}] ${quoted(request)} ${visit.status ?? left} ${size}`
}

const combinedLine = (visit: VisitRecord, seen: Seen): string => {
  const referer = quoted(scrubbed(field(visit, "referer")) ?? "-")
  return `${commonLine(visit, seen)} ${referer} ${quoted(field(visit, "user-agent") ?? "-")}`
}

const formats = { json: jsonLine, common: commonLine, combined: combinedLine }

/** The line of a request, with its line feed. To be made while the visit's head is there. */
export const line = (format: Format, visit: VisitRecord, seen: Seen): string =>
  `${formats[format](visit, seen)}\n`
