/**
 * How many workers a relay has: what `workers` says, as far as the system allows it.
 */

/** The machine, as far as it is of interest here. */
export interface Machine {
  readonly platform: NodeJS.Platform
  /** How many processors this process may use. */
  readonly processors: number
}

/** How many workers there are, and why not as many as wanted. */
export interface WorkerCount {
  readonly count: number
  readonly note: string | undefined
}

/** The number of workers for a value of `workers`. */
export const workerCount = (
  configured: number | "auto",
  { platform, processors }: Machine,
): WorkerCount => {
  const count = configured === "auto" ? processors : configured
  return platform === "win32" && count > 1
    ? {
        count: 1,
        note: "workers is 1 on Windows, where processes cannot share a listening socket",
      }
    : { count, note: undefined }
}

/** Whether workers may busy-poll: only while each of them has a processor, and one is left. */
export const mayBusyPoll = (count: number, { processors }: Machine): boolean => count < processors
