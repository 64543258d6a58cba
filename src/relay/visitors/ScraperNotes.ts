/**
 * Notes in the audit log which scraper keys are used and refused: a key that
 * is used once an hour for each address, of the refused ones some a minute.
 */
import type { AuditLog } from "../audit/AuditLog.ts"
import { AuditThrottle } from "../audit/AuditThrottle.ts"
import type { KeyShown } from "./ScraperApi.ts"

const againMillis = 3_600_000

/** How many keys and addresses are remembered to have been noted. */
const maxRemembered = 1_000

/** See the file's header. */
export class ScraperNotes {
  private readonly audit: AuditLog["Service"]
  private readonly sparing = new AuditThrottle()
  private readonly noted = new Map<string, number>()

  constructor(audit: AuditLog["Service"]) {
    this.audit = audit
  }

  /** A key was shown from an address at a time in milliseconds. */
  note(shown: KeyShown, address: string, now: number): void {
    if (shown._tag === "Refused") {
      if (this.sparing.passes(now))
        this.audit.record({ _tag: "ScraperKeyRefused", reason: shown.reason, address })
      return
    }
    const mark = `${address} ${shown.name}`
    const last = this.noted.get(mark)
    // A clock that was put back is not to keep it out for as long as that.
    if (last !== undefined && now >= last && now - last < againMillis) return
    this.noted.delete(mark)
    this.noted.set(mark, now)
    if (this.noted.size > maxRemembered) this.noted.delete(this.noted.keys().next().value as string)
    this.audit.record({ _tag: "ScraperKeyUsed", key: shown.name, address })
  }
}
