/**
 * Limits audit entries for refusals to 10 a minute, so that they cannot evict
 * other entries.
 */

/** How many events are recorded per minute. */
export const maxNoted = 10

const windowMillis = 60_000

/** See the file's header. */
export class AuditThrottle {
  private since = Number.NEGATIVE_INFINITY
  private count = 0

  /** Whether one more event may be recorded; `now` is in milliseconds. */
  passes(now: number): boolean {
    if (now - this.since >= windowMillis || now < this.since) {
      this.since = now
      this.count = 0
    }
    this.count += 1
    return this.count <= maxNoted
  }
}
