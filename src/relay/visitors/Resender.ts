/**
 * Sends a recorded request to its server once more, as a visitor's own: it is
 * counted, logged, limited, queued and recorded like any other. The visitor's
 * sign-in is not asked again, since an administrator sends it.
 */
import { statusOf } from "../../domain/ErrorRegistry.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { fromBytes } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Inspector } from "../inspect/Inspector.ts"
import type { OriginalRequest } from "../inspect/Recording.ts"
import type { Servers } from "../registry/Servers.ts"
import type { Traffic } from "../traffic/Traffic.ts"
import type { ServerLimits } from "./ServerLimits.ts"

/** What it needs of the relay. */
export interface ResendContext {
  readonly inspector: Inspector["Service"]
  readonly limits: ServerLimits
  readonly rendezvous: Rendezvous["Service"]
  readonly servers: Servers["Service"]
  readonly traffic: Traffic["Service"]
}

/** How long the response may take to its end, in milliseconds. */
const maxMillis = 60_000

/** A reply without a visitor: the response is read to its end for its recording, and counted. */
class UnseenReply implements Reply {
  private readonly notes: VisitNotes
  private readonly end: () => void

  /** @param end called once nothing more comes */
  constructor(notes: VisitNotes, end: () => void) {
    this.notes = notes
    this.end = end
  }

  respond: Reply["respond"] = (head, body, sent) => {
    const { notes } = this
    notes.answered(head.status)
    const finish = (isWhole: boolean): void => {
      notes.over(isWhole)
      if (isWhole) sent?.()
      this.end()
    }
    if (body.whole !== undefined) {
      notes.sent(body.whole.length)
      return finish(true)
    }
    body.read({
      data: (chunk, release) => {
        notes.sent(chunk.length)
        release?.()
        return true
      },
      end: () => finish(true),
      fail: () => finish(false),
    })
  }

  fail: Reply["fail"] = ({ code }) => {
    this.notes.failed(code)
    this.notes.answered(statusOf(code))
    this.notes.over(true)
    this.end()
  }
}

/** See the file's header. */
export class Resender {
  private readonly context: ResendContext

  constructor(context: ResendContext) {
    this.context = context
  }

  /**
   * Sends a request as it is to a server.
   *
   * @param replayOf the number of the recording that it comes from
   * @returns the number of its own recording; `undefined` if the server is not registered
   */
  send(
    name: ServerName,
    { body, head }: OriginalRequest,
    address: string,
    replayOf: number,
  ): number | undefined {
    const { inspector, limits, rendezvous, servers, traffic } = this.context
    if (!servers.isRegistered(name)) return undefined
    const notes = traffic.observe(head, address, "1.1")
    notes.routed(name, head.target)
    notes.received(body.length)
    let cancel: Cancel | undefined
    let isOver = false
    const timeout = rendezvous.deadlines.set(maxMillis, () => {
      cancel?.()
      notes.over(false)
    })
    const reply = new UnseenReply(notes, () => {
      isOver = true
      timeout.clear()
      cancel?.()
    })
    const tunnel = rendezvous.toServer(name, notes)
    let number: number | undefined
    const handler = inspector.recording(
      name,
      address,
      (head, body, reply) => {
        const request = { head, body, address, secure: false, upgrade: false, notes }
        return limits.server(name, request, reply, () => tunnel(head, body, reply))
      },
      notes,
      replayOf,
      (begun) => {
        number = begun
      },
    )
    cancel = handler({ ...head, headers: notes.forwarded(head.headers) }, fromBytes(body), reply)
    if (isOver) cancel()
    return number
  }
}
