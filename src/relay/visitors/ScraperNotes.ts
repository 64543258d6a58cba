/**
 * Records in the audit log which scraper keys are used and refused: a key in
 * use once an hour per address.
 */
import type { AuditLog } from "../audit/AuditLog.ts"
import type { KeyCheckResult } from "./ScraperApi.ts"

/** How long after an entry the same key and address are not recorded again, in milliseconds. */
const quietMillis = 3_600_000

/** How many pairs of address and key are remembered as recorded. */
const maxRemembered = 1_000

/** See the file's header. */
export class ScraperNotes {
  private readonly audit: AuditLog["Service"]
  private readonly recordedAt = new Map<string, number>()

  constructor(audit: AuditLog["Service"]) {
    this.audit = audit
  }

  /** A key was sent from an address, at a time in milliseconds. */
  note(result: KeyCheckResult, address: string, now: number): void {
    if (result._tag === "Refused") {
      this.audit.record({ _tag: "ScraperKeyRefused", reason: result.reason, address })
      return
    }
    const key = `${address} ${result.name}`
    const last = this.recordedAt.get(key)
    // If the clock was set back, the entry is recorded again.
    if (last !== undefined && now >= last && now - last < quietMillis) return
    this.recordedAt.delete(key)
    this.recordedAt.set(key, now)
    if (this.recordedAt.size > maxRemembered)
      this.recordedAt.delete(this.recordedAt.keys().next().value as string)
    this.audit.record({ _tag: "ScraperKeyUsed", key: result.name, address })
  }
}
