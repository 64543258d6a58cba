/**
 * Notes who is refused on the administrator's side, some of each minute.
 */
import type { AuditLog } from "../audit/AuditLog.ts"
import { AuditThrottle } from "../audit/AuditThrottle.ts"

/** See the file's header. */
export class AdminRefusals {
  private readonly audit: AuditLog["Service"]
  private readonly now: () => number
  private readonly sparing = new AuditThrottle()

  /** @param now milliseconds since 1970 */
  constructor(audit: AuditLog["Service"], now: () => number) {
    this.audit = audit
    this.now = now
  }

  note(reason: string, address: string): void {
    if (this.sparing.passes(this.now()))
      this.audit.record({ _tag: "AdminRefused", reason, address })
  }
}
