/**
 * Lets so many events a minute pass. Anybody who can reach the relay can be
 * refused as often as he likes; that must not push everything else out of the
 * audit log.
 */

/** How many events a minute pass. */
export const maxNoted = 10

const windowMillis = 60_000

/** See the file's header. */
export class AuditThrottle {
  private since = Number.NEGATIVE_INFINITY
  private count = 0

  /** Whether one more passes; `now` is in milliseconds. */
  passes(now: number): boolean {
    if (now - this.since >= windowMillis || now < this.since) {
      this.since = now
      this.count = 0
    }
    this.count += 1
    return this.count <= maxNoted
  }
}
