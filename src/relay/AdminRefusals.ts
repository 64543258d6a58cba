/**
 * Notes who is refused on the administrator's side. Anybody who can reach it
 * can be refused as often as he likes; that must not push everything else out
 * of the audit log.
 */
import type { AuditLog } from "./AuditLog.ts"

/** How many refusals a minute are worth an entry. */
export const maxNoted = 10

const windowMillis = 60_000

/** See the file's header. */
export class AdminRefusals {
  private readonly audit: AuditLog["Service"]
  private readonly now: () => number
  private since = Number.NEGATIVE_INFINITY
  private count = 0

  /** @param now milliseconds since 1970 */
  constructor(audit: AuditLog["Service"], now: () => number) {
    this.audit = audit
    this.now = now
  }

  note(reason: string, address: string): void {
    const now = this.now()
    if (now - this.since >= windowMillis) {
      this.since = now
      this.count = 0
    }
    this.count += 1
    if (this.count <= maxNoted) this.audit.record({ _tag: "AdminRefused", reason, address })
  }
}
