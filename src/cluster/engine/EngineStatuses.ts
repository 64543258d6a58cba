/**
 * The status of an engine, and the listeners for its changes.
 */
import type { EngineStatus } from "./Engine.ts"

/** See the file's header. */
export class EngineStatuses {
  private status: EngineStatus
  private readonly listeners = new Set<(status: EngineStatus) => void>()

  constructor(initial: EngineStatus) {
    this.status = initial
  }

  readonly current = (): EngineStatus => this.status

  readonly listen = (listener: (status: EngineStatus) => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  set(status: EngineStatus): void {
    this.status = status
    for (const listener of this.listeners) listener(status)
  }
}
