/**
 * Waiting for something to become true, woken by events: whoever changes
 * anything says so, and whoever waits looks again. Nothing is polled; a wait
 * that nobody fulfils fails and names what it waited for.
 */

/**
 * How long a wait may take before the test fails, in milliseconds of real time. Only a failing test
 * waits that long: it must be more than a busy machine needs.
 */
export const patienceMillis = 120_000

interface Waiter {
  readonly holds: () => boolean
  readonly resolve: () => void
}

/** See the file's header. */
export class Watch {
  private readonly waiters = new Set<Waiter>()

  /** Something has changed: waits are looked at again. */
  changed(): void {
    for (const waiter of [...this.waiters]) {
      if (!waiter.holds()) continue
      this.waiters.delete(waiter)
      waiter.resolve()
    }
  }

  /** Resolves as soon as `holds`. */
  until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const guard = setTimeout(() => {
        this.waiters.delete(waiter)
        reject(new Error(`this never came true: ${what}`))
      }, patienceMillis)
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(guard)
          resolve()
        },
      }
      this.waiters.add(waiter)
    })
  }
}
