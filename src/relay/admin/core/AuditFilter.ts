/**
 * Which events of the audit log somebody wants to see: the fields of a query,
 * for the page and the API alike, and whether an event matches them.
 */
import { type AuditEvent, sentences } from "../../audit/AuditEvent.ts"
import type { AuditEntry } from "../../audit/AuditLog.ts"

/** Which events are wanted; an absent field matches all. */
export interface AuditFilter {
  /** The server's name. */
  readonly name?: string | undefined
  readonly kind?: AuditEvent["_tag"] | undefined
  /** Whether the sums of visitors' requests are left out; a kind that is given decides instead. */
  readonly withoutVisits?: boolean
  /** From and until when, in milliseconds since 1970; `to` is not included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** A filter as the fields of a query have it. */
export interface FilterFields {
  readonly name?: string | undefined
  readonly kind?: string | undefined
  /** `yes` or `no`. */
  readonly visits?: string | undefined
  /** Days in UTC such as `2026-01-31`, both included. */
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** The length of a day in milliseconds. */
export const dayMillis = 86_400_000

/** The beginning of a day in UTC, such as `2026-01-31`; `undefined` for any other text. */
const beginningOf = (text: string | undefined): number | undefined => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text ?? "") ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

/** The kind of event with this name; `undefined` if there is none. */
export const kindOf = (text: string | undefined): AuditEvent["_tag"] | undefined =>
  text !== undefined && Object.hasOwn(sentences, text) ? (text as AuditEvent["_tag"]) : undefined

/**
 * The filter of a query; what is empty or not understood filters nothing.
 *
 * @param isWithVisits whether visitors' requests are wanted if the query does not say
 */
export const filterOf = (
  { from, kind, name, to, visits }: FilterFields,
  isWithVisits: boolean,
): AuditFilter => {
  const last = beginningOf(to)
  return {
    name: name === "" ? undefined : name,
    kind: kindOf(kind),
    withoutVisits: visits === undefined ? !isWithVisits : visits !== "yes",
    from: beginningOf(from),
    to: last === undefined ? undefined : last + dayMillis,
  }
}

/** Whether an entry of the audit log is one that a filter wants. */
export const matches = (
  { from, kind, name, to, withoutVisits = false }: AuditFilter,
  { at, event }: AuditEntry,
): boolean =>
  (kind === undefined ? !withoutVisits || event._tag !== "VisitorRequests" : event._tag === kind) &&
  (name === undefined || ("name" in event && event.name === name)) &&
  (from === undefined || at >= from) &&
  (to === undefined || at < to)
