/**
 * Where visitors and servers meet: each server name has a queue of requests
 * that wait and a set of links that take them. Everything that could one day
 * be shared between relays (who is connected where) is behind this service.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { VisitorErrorCode } from "../../domain/ErrorRegistry.ts"
import { first, has } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { responseHasBody } from "../../protocol/http/Framing.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { maxInline } from "../../protocol/Wire.ts"
import type { Body } from "../../transport/body/Body.ts"
import { collect, fromBytes, limit } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { idle } from "../../transport/body/IdleBody.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as ServerIndex from "../settings/ServerIndex.ts"
import { Traffic } from "../traffic/Traffic.ts"
import type { Link } from "./Link.ts"
import { Pending } from "./Pending.ts"

/** What is known of a server that is or was connected. */
export interface ServerStatus {
  readonly name: ServerName
  readonly transports: ReadonlyArray<string>
  /** Why they are no better ones, in the server's words; empty if there is nothing to say. */
  readonly reason: string
  /** The programs of its processes and their versions, each once, as far as they say. */
  readonly programs: ReadonlyArray<string>
  /** When it was last heard of, in milliseconds since 1970. */
  readonly lastSeen: number | undefined
  readonly waiting: number
}

const forgottenMillis = 120_000
const maxForgotten = 10_000
const longOffline = 60_000
const settlingIn = 30_000

interface Place {
  readonly name: ServerName
  readonly queue: Array<Pending>
  /** The one that was heard of last is at the end. */
  readonly links: Array<Link>
  lastSeen: number | undefined
  /** When its last link went, by a clock that is never put. */
  goneAt: number | undefined
  flushing: boolean
}

/** See the file's header. */
export class Rendezvous extends Context.Service<
  Rendezvous,
  {
    /** The relay's end of the tunnel to a server: a handler like any other. */
    readonly toServer: (name: ServerName, notes?: VisitNotes) => Handler
    /** A link is there; the returned function takes it away. */
    readonly join: (link: Link, address: string) => (reason: string) => void
    /** A link has room again, or its server was heard of. */
    readonly ready: (link: Link) => void
    /** A request that was handed out and has no head yet. */
    readonly handedOut: (id: string) => Pending | undefined
    /** Whether a handed-out request ended without the server, a while ago at most. */
    readonly wasForgotten: (id: string) => boolean
    /** How long a server has to send a head, in milliseconds. */
    readonly responseMillis: (name: ServerName) => number
    readonly deadlines: Deadlines.Deadlines
    readonly status: (name: ServerName) => ServerStatus
    /** Ends waiting: links are told, who waits for a link is told. */
    readonly drain: () => void
  }
>()("ptth/relay/Rendezvous") {
  static readonly layer: Layer.Layer<Rendezvous, never, RelaySettings | AuditLog | Traffic> =
    Layer.effect(
      Rendezvous,
      Effect.gen(function* () {
        const settings = yield* RelaySettings
        const audit = yield* AuditLog
        const traffic = yield* Traffic
        const deadlines = yield* Deadlines.make
        return Rendezvous.of(make(settings, audit, traffic, deadlines))
      }),
    )
}

const make = (
  settings: RelaySettings["Service"],
  audit: AuditLog["Service"],
  traffic: Traffic["Service"],
  deadlines: Deadlines.Deadlines,
): Rendezvous["Service"] => {
  const places = new Map<ServerName, Place>()
  const handedOut = new ReusableMap<string, Pending>()
  const forgotten = new Map<string, Deadlines.Deadline>()
  const startedAt = deadlines.elapsed()
  let draining = false

  const placeOf = (name: ServerName): Place => {
    let place = places.get(name)
    if (place === undefined) {
      place = {
        name,
        queue: [],
        links: [],
        lastSeen: undefined,
        goneAt: undefined,
        flushing: false,
      }
      places.set(name, place)
    }
    return place
  }

  const responseMillis = (name: ServerName): number => {
    const config = settings.current()
    const own = ServerIndex.find(config, name)?.responseTimeout
    return Duration.toMillis(own ?? config.responseTimeout)
  }

  const failure = (code: VisitorErrorCode, detail: string, retryAfter?: number): ExchangeError =>
    new ExchangeError({ code, detail, ...(retryAfter === undefined ? {} : { retryAfter }) })

  const owner = {
    deadlines,
    watch: (request: RequestHead, head: ResponseHead, body: Body) =>
      body.whole !== undefined ||
      head.status === 101 ||
      isEventStream(head) ||
      !responseHasBody(request.method, head.status)
        ? body
        : idle(body, deadlines, Duration.toMillis(settings.current().idleTimeout)),
    requeue: (pending: Pending) => {
      if (pending.isNamed) handedOut.delete(pending.id)
      enqueue(placeOf(pending.name), pending, true)
    },
    forget: (pending: Pending) => {
      if (!pending.isNamed) return
      const drop = deadlines.set(forgottenMillis, () => forgotten.delete(pending.id))
      forgotten.set(pending.id, drop)
      if (forgotten.size > maxForgotten) {
        const [oldest, deadline] = forgotten.entries().next().value as [string, Deadlines.Deadline]
        deadline.clear()
        forgotten.delete(oldest)
      }
    },
    settled: (pending: Pending) => {
      if (pending.isNamed) handedOut.delete(pending.id)
      if (pending.link !== undefined) return
      const queue = placeOf(pending.name).queue
      const at = queue.indexOf(pending)
      if (at >= 0) queue.splice(at, 1)
    },
  }

  const offline = (place: Place): ExchangeError =>
    failure("PTTH_SERVER_OFFLINE", `${place.name} is not connected`, 10)

  const enqueue = (place: Place, pending: Pending, first: boolean): void => {
    const config = settings.current()
    if (draining) return pending.fail(failure("PTTH_DRAINING", "the relay is shutting down", 5))
    const most = ServerIndex.find(config, place.name)?.limits.maxQueue ?? config.maxQueue
    // What came in this turn is not waiting yet.
    if (place.queue.length >= most) flush(place)
    if (place.queue.length >= most && roomiest(place) === undefined)
      return pending.fail(failure("PTTH_QUEUE_FULL", `${most} requests are waiting`, 2))
    if (place.links.length === 0) {
      const now = deadlines.elapsed()
      const goneFor = now - (place.goneAt ?? startedAt)
      if (goneFor > longOffline && now - startedAt > settlingIn) return pending.fail(offline(place))
    }
    if (first) {
      limitWait(place, pending)
      place.queue.unshift(pending)
    } else place.queue.push(pending)
    scheduleFlush(place)
  }

  const limitWait = (place: Place, pending: Pending): void =>
    pending.wait(Duration.toMillis(settings.current().waitForServer), () =>
      pending.fail(offline(place)),
    )

  /** Requests of one tick go out together. */
  const scheduleFlush = (place: Place): void => {
    if (place.flushing) return
    place.flushing = true
    setImmediate(() => {
      place.flushing = false
      flush(place)
    })
  }

  const flush = (place: Place): void => {
    while (place.queue.length > 0) {
      const link = roomiest(place)
      if (link === undefined) return limitWaits(place)
      const batch = place.queue.splice(0, link.capacity())
      const back = link.offer(batch)
      for (const pending of batch) {
        if (pending.state === "offered" && pending.isNamed) handedOut.set(pending.id, pending)
      }
      place.queue.unshift(...back)
    }
  }

  /** Most requests never wait; those that came last are the ones without a limit. */
  const limitWaits = (place: Place): void => {
    const { queue } = place
    for (let i = queue.length - 1; i >= 0; i--) {
      const pending = queue[i] as Pending
      if (pending.isTimed) return
      limitWait(place, pending)
    }
  }

  const roomiest = (place: Place): Link | undefined => {
    let best: Link | undefined
    let most = 0
    for (const link of place.links) {
      const room = link.capacity()
      // Of two with the same room the one that was heard of last.
      if (room > 0 && room >= most) {
        most = room
        best = link
      }
    }
    return best
  }

  const toServer =
    (name: ServerName, notes?: VisitNotes): Handler =>
    (head, body, reply) => {
      const config = settings.current()
      const own = ServerIndex.find(config, name)?.limits.maxBody
      const most = own ?? config.maxBody ?? Number.POSITIVE_INFINITY
      const tooLarge = () => failure("PTTH_BODY_TOO_LARGE", `more than ${most} bytes`)
      if ((body.length ?? 0) > most) return refuse(body, reply, tooLarge())
      const place = placeOf(name)
      const admit = (admitted: Body, limited: boolean): Cancel => {
        const given = limited ? admitted : limit(admitted, most, () => pending.fail(tooLarge()))
        const pending = new Pending(owner, name, head, given, reply, notes)
        enqueue(place, pending, false)
        return () => pending.cancel()
      }
      const watched =
        upgradeOf(head.headers) === undefined
          ? idle(body, deadlines, Duration.toMillis(config.idleTimeout))
          : body
      return ridesAlong(head, body)
        ? collectThen(watched, (whole) => admit(whole, true), reply)
        : admit(watched, false)
    }

  return {
    toServer,
    deadlines,
    responseMillis,
    handedOut: (id) => handedOut.get(id),
    wasForgotten: (id) => forgotten.has(id),
    join: (link, address) => {
      const place = placeOf(link.name)
      const isSame = ({ instance }: Link): boolean => instance === link.instance
      const isNew = !place.links.some(isSame)
      place.links.push(link)
      place.lastSeen = deadlines.now()
      traffic.linkOpened(link.name, link.transport)
      const { name, reason: why, transport } = link
      if (isNew) audit.record({ _tag: "ServerConnected", name, transport, reason: why, address })
      return (reason) => {
        if (!takeOut(place.links, link)) return
        place.lastSeen = deadlines.now()
        place.goneAt = deadlines.elapsed()
        if (place.links.some(isSame)) return
        const _tag = place.links.length === 0 ? "ServerDisconnected" : "ServerReplaced"
        audit.record({ _tag, name, reason })
      }
    },
    ready: (link) => {
      const place = placeOf(link.name)
      place.lastSeen = deadlines.now()
      if (place.links.at(-1) !== link && takeOut(place.links, link)) place.links.push(link)
      if (place.queue.length > 0) flush(place)
    },
    status: (name) => {
      const place = places.get(name)
      return {
        name,
        transports: (place?.links ?? []).map((link) => link.transport),
        reason: (place?.links ?? []).find((link) => link.reason !== "")?.reason ?? "",
        programs: [...new Set((place?.links ?? []).map(({ program }) => program).filter(Boolean))],
        lastSeen: place?.lastSeen,
        waiting: place?.queue.length ?? 0,
      }
    },
    drain: () => {
      draining = true
      for (const place of places.values()) {
        for (const link of [...place.links]) link.drain()
        for (const pending of [...place.queue])
          pending.fail(failure("PTTH_DRAINING", "the relay is shutting down", 5))
      }
    },
  }
}

/** Whether it was among them. */
const takeOut = (links: Array<Link>, link: Link): boolean => {
  const at = links.indexOf(link)
  if (at >= 0) links.splice(at, 1)
  return at >= 0
}

/** Whether a body is small enough to go with its head, and the visitor does not wait to be asked for it. */
const ridesAlong = (head: RequestHead, body: Body): boolean =>
  body.whole === undefined &&
  body.length !== undefined &&
  body.length <= maxInline &&
  !has(head.headers, "expect")

const isEventStream = (head: ResponseHead): boolean =>
  first(head.headers, "content-type")?.toLowerCase().startsWith("text/event-stream") === true

/** Reads a small body first, then goes on with all of it. */
const collectThen = (body: Body, next: (whole: Body) => Cancel, reply: Reply): Cancel => {
  let cancel: Cancel | undefined
  const failed = (detail: string): void =>
    reply.fail(new ExchangeError({ code: "PTTH_BAD_REQUEST", detail }))
  const flow = collect(body, maxInline, {
    whole: (bytes) => {
      cancel = next(fromBytes(bytes))
    },
    tooLarge: () => failed("the body is longer than it was said to be"),
    cut: (error) => failed(error.message),
  })
  return () => {
    if (cancel === undefined) flow.cancel()
    else cancel()
  }
}
