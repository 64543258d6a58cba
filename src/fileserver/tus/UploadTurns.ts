/**
 * Lets one request at a time work on an upload. The next one interrupts it: the
 * server may learn late that the connection of the former broke.
 */

interface Turn {
  readonly interrupt: () => void
  readonly over: Promise<void>
}

/** See the head of this file. */
export class UploadTurns {
  private readonly running = new Map<string, Turn>()

  /** Whether a request works on an upload. */
  isRunning(upload: string): boolean {
    return this.running.has(upload)
  }

  /**
   * Waits until no other request works on an upload.
   *
   * @param interrupt called if another request waits
   * @returns the function that lets the next one work
   */
  async enter(upload: string, interrupt: () => void): Promise<() => void> {
    for (;;) {
      const turn = this.running.get(upload)
      if (turn === undefined) break
      turn.interrupt()
      await turn.over
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.running.set(upload, { interrupt, over: promise })
    return () => {
      this.running.delete(upload)
      resolve()
    }
  }
}
