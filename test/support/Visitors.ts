/**
 * Visitors that send one request after the other until they are told to stop, on
 * kept connections and on fresh ones, and count what fails.
 */
import { Agent, request } from "node:http"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { Watch } from "./Watch.ts"

/** How long a visitor rests after each request, in milliseconds, so that the processor is left to others. */
const restMillis = 20

/** What a visitor does. */
export type VisitorKind = "kept GET" | "fresh GET" | "kept POST"

/** A request that failed. */
export interface FailedRequest {
  readonly kind: VisitorKind
  readonly reason: string
  /** The visitor's own port of the connection. */
  readonly localPort: number | undefined
}

/** See the file's header. */
export interface Visitors {
  readonly answered: Readonly<Record<VisitorKind, number>>
  readonly failed: ReadonlyArray<FailedRequest>
  /** Waits until so many more requests of each kind were answered. */
  readonly more: (count: number) => Promise<void>
  /** Stops once the running requests have ended. */
  readonly stop: () => Promise<void>
}

/**
 * Starts visitors of each kind.
 *
 * @param isRight whether a response is the right one
 */
export const visit = (
  url: string,
  counts: Readonly<Record<VisitorKind, number>>,
  isRight: (status: number, body: string, kind: VisitorKind) => boolean,
): Visitors => {
  const answered: Record<VisitorKind, number> = { "kept GET": 0, "fresh GET": 0, "kept POST": 0 }
  const failed: Array<FailedRequest> = []
  const watch = new Watch()
  let isOver = false

  const ask = (kind: VisitorKind, agent: Agent | false): Promise<void> =>
    new Promise((resolve) => {
      let localPort: number | undefined
      const fail = (reason: string): void => {
        failed.push({ kind, reason, localPort })
        resolve()
      }
      const asked = request(url, { agent, method: kind === "kept POST" ? "POST" : "GET" })
      asked.once("socket", (socket) => {
        const note = (): void => {
          localPort = socket.localPort
        }
        if (socket.connecting) socket.once("connect", note)
        else note()
      })
      asked.once("error", (error) => fail(error.message))
      asked.once("response", (response) => {
        text(response).then(
          (body) => {
            const status = response.statusCode ?? 0
            if (!isRight(status, body, kind)) return fail(`${status} ${body.slice(0, 200)}`)
            answered[kind] += 1
            watch.changed()
            resolve()
          },
          (error: Error) => fail(error.message),
        )
      })
      asked.end(kind === "kept POST" ? "a body" : undefined)
    })

  const run = async (kind: VisitorKind): Promise<void> => {
    const agent = kind !== "fresh GET" && new Agent({ keepAlive: true, maxSockets: 1 })
    while (!isOver) {
      await ask(kind, agent)
      await sleep(restMillis)
    }
    if (agent !== false) agent.destroy()
  }

  const kinds = Object.keys(counts) as ReadonlyArray<VisitorKind>
  const running = kinds.flatMap((kind) => Array.from({ length: counts[kind] }, () => run(kind)))
  return {
    answered,
    failed,
    more: (count) => {
      const before = { ...answered }
      return watch.until(`${count} more requests of each kind are answered`, () =>
        kinds.every((kind) => counts[kind] === 0 || answered[kind] >= before[kind] + count),
      )
    },
    stop: async () => {
      isOver = true
      await Promise.all(running)
    },
  }
}
