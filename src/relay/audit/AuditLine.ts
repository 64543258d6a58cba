/**
 * An event of the audit log as a line of JSON, and back.
 */
import { json } from "../../transport/observe/AccessLog.ts"
import { type AuditEvent, sentences } from "./AuditEvent.ts"
import type { AuditEntry } from "./AuditLog.ts"

/** A JSON object with `at`, `kind`, `relay` if there is one, and the fields of the event, and a line feed. */
export const toLine = ({ at, event, relay }: AuditEntry): string => {
  const { _tag: kind, ...fields } = event
  return `${json({ at: new Date(at).toISOString(), kind, relay, ...fields })}\n`
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The event of a kind and fields; `undefined` if it is unknown. */
export const toEvent = (kind: unknown, fields: object): AuditEvent | undefined =>
  typeof kind === "string" &&
  Object.hasOwn(sentences, kind) &&
  Object.values(fields).every((value) => typeof value === "string" || typeof value === "number")
    ? ({ ...fields, _tag: kind } as AuditEvent)
    : undefined

/** The event of a line; `undefined` if the line is incomplete or its kind unknown. */
export const fromLine = (line: string): AuditEntry | undefined => {
  const document = parsed(line)
  if (typeof document !== "object" || document === null) return undefined
  const { at, kind, relay, ...fields } = document as Readonly<Record<string, unknown>>
  const millis = typeof at === "string" ? Date.parse(at) : Number.NaN
  const event = toEvent(kind, fields)
  if (event === undefined || Number.isNaN(millis)) return undefined
  return typeof relay === "string" ? { at: millis, event, relay } : { at: millis, event }
}
