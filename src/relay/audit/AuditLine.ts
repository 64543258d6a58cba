/**
 * An event of the audit log as a line of JSON, and back.
 */
import { json } from "../../transport/observe/AccessLog.ts"
import { type AuditEvent, sentences } from "./AuditEvent.ts"
import type { AuditEntry } from "./AuditLog.ts"

/** A JSON object with `at`, `kind` and the fields of the event, and a line feed. */
export const toLine = ({ at, event }: AuditEntry): string => {
  const { _tag: kind, ...fields } = event
  return `${json({ at: new Date(at).toISOString(), kind, ...fields })}\n`
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The event of a line; `undefined` if the line is incomplete or its kind unknown. */
export const fromLine = (line: string): AuditEntry | undefined => {
  const document = parsed(line)
  if (typeof document !== "object" || document === null) return undefined
  const { at, kind, ...fields } = document as Readonly<Record<string, unknown>>
  const millis = typeof at === "string" ? Date.parse(at) : Number.NaN
  const isEvent =
    typeof kind === "string" &&
    Object.hasOwn(sentences, kind) &&
    Object.values(fields).every((value) => typeof value === "string" || typeof value === "number")
  return !isEvent || Number.isNaN(millis)
    ? undefined
    : { at: millis, event: { ...fields, _tag: kind } as AuditEvent }
}
