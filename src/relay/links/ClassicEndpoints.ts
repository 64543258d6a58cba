/**
 * The relay's backend API for classic servers: listen (P1), respond (P5, P7)
 * and the fetch of a visitor's body, to the letter of protocol.md for the
 * original's peers.
 */
import { timingSafeEqual } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as Result from "effect/Result"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import {
  header,
  listenPath,
  maxAnswers,
  maxInline,
  prefix,
  requestPath,
  responsePath,
  responsesPath,
  text,
  version2,
} from "../../protocol/Wire.ts"
import { type Body, type BodyFlow, collect, fromBytes } from "../../transport/body/Body.ts"
import { closeAfter } from "../../transport/net/ConnectionClose.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import type { Deadline } from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import * as WriteBatch from "../../transport/runtime/WriteBatch.ts"
import type { Pending } from "../dispatch/Pending.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Identity, Servers } from "../registry/Servers.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientOf } from "../settings/TrustedProxies.ts"
import { answerText, programOf } from "./BackendAnswer.ts"
import { split } from "./ClassicFraming.ts"
import { ClassicLink } from "./ClassicLink.ts"
import { type LinkLimit, retrySeconds } from "./LinkLimit.ts"

/** What the endpoints stand on. */
export interface ClassicContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly room: LinkLimit
}

/** The classic endpoints of one relay. */
export interface ClassicEndpoints {
  /** Whether a target is for the backend API. */
  readonly takes: (target: string) => boolean
  /** Takes a request that is for the backend API; `false` leaves it to the visitors' side. */
  readonly intercept: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Ends the links of servers that the configuration does not accept any more. */
  readonly recheck: () => void
}

type Known = Identity & { readonly _tag: "Known" }

const isKnown = (identity: unknown): identity is Known =>
  (identity as { readonly _tag?: unknown })._tag === "Known"

interface Shown {
  readonly key: Buffer
  readonly identity: Known
}

interface Member {
  readonly link: ClassicLink
  readonly leave: (reason: string) => void
}

/** How long after its farewell a process may still send what it does not mean, in milliseconds. */
const departedMillis = 3_000

const memberKey = (
  name: ServerName,
  tripcode: ClassicLink["tripcode"],
  instance: string | undefined,
): string => `${name} ${instance ?? "classic 1"} ${tripcode}`

/** Answers a listen of classic 2 that belongs to no link. */
const answerNothing = (response: ServerResponse): void => {
  response.writeHead(204, [header.version, version2])
  response.end()
}

/** Makes the endpoints. */
export const make = (context: ClassicContext): ClassicEndpoints => {
  const members = new Map<string, Member>()
  const departed = new Map<string, Deadline>()
  const shown = new WeakMap<Socket, Shown>()
  const transfers = new Map<ServerName, Set<IncomingMessage>>()
  /** Answers that are under way although the body has not been fetched, by id: it still may be. */
  const unread = new ReusableMap<string, Pending>()

  const member = (
    name: ServerName,
    tripcode: ClassicLink["tripcode"],
    instance: string | undefined,
    address: () => string,
    reason: string,
    program: string,
  ): { readonly link: ClassicLink; readonly isNew: boolean } | undefined => {
    const key = memberKey(name, tripcode, instance)
    const known = members.get(key)
    if (known !== undefined) return { link: known.link, isNew: false }
    const giveBack = context.room.take(name, false)
    if (giveBack === undefined) return undefined
    const config = context.settings.current()
    const link = new ClassicLink({
      name,
      tripcode,
      instance: instance ?? "",
      transport: instance === undefined ? "classic 1" : "classic 2",
      deadlines: context.rendezvous.deadlines,
      publicUrl: config.publicUrl,
      openUrl: Subdomains.urlOf(config, name),
      reason,
      program,
      responseMillis: (server) => context.rendezvous.responseMillis(server),
      onReady: (ready) => context.rendezvous.ready(ready),
      onGone: (_link, reason) => {
        members.get(key)?.leave(reason)
        members.delete(key)
        giveBack()
      },
    })
    members.set(key, { link, leave: context.rendezvous.join(link, address()) })
    return { link, isNew: true }
  }

  /** A process that says farewell has listens on the way: what comes late brings nothing, and makes no link. */
  const depart = (key: string): void => {
    departed.get(key)?.clear()
    const forget = context.rendezvous.deadlines.set(departedMillis, () => departed.delete(key))
    departed.set(key, forget)
  }

  /** Keeps a late listen until its process is forgotten: one that stops closes it, one that stays asks again. */
  const hold = (response: ServerResponse): void => {
    const over = context.rendezvous.deadlines.set(departedMillis, () => answerNothing(response))
    response.once("close", () => over.clear())
  }

  const refuseLink = (name: ServerName, address: string, response: ServerResponse): void => {
    context.room.refused(name, address)
    response.setHeader("Retry-After", `${retrySeconds}`)
    response.setHeader("X-PTTH-Code", "PTTH_TOO_MANY_LINKS")
    answerText(response, 429, text.tooManyLinks)
  }

  /** A connection that has shown a key shows the same one each time: it is hashed once. */
  const identify = <Refused>(
    request: IncomingMessage,
    name: string,
    key: string,
    look: (name: string, key: string) => Known | Refused,
  ): Known | Refused => {
    const before = shown.get(request.socket)
    const bytes = Buffer.from(key, "latin1")
    if (
      before !== undefined &&
      before.key.length === bytes.length &&
      timingSafeEqual(before.key, bytes) &&
      before.identity.name === name &&
      context.servers.accepts(before.identity.name, before.identity.tripcode)
    )
      return before.identity
    const identity = look(name, key)
    if (isKnown(identity)) shown.set(request.socket, { key: bytes, identity })
    return identity
  }

  const listen = (name: string, request: IncomingMessage, response: ServerResponse): void => {
    const key = keyOf(request)
    if (key === undefined) return answerText(response, 403, text.noKey)
    const client = (): string => clientOf(context.settings.current().trustedProxies, request)
    const identity = identify(request, name, key, () =>
      context.servers.knock(name, key, client(), context.rendezvous.deadlines.now()),
    )
    if (identity._tag === "Limited") {
      response.setHeader("Retry-After", `${identity.retryAfter}`)
      return answerText(response, 429, text.tooManyKeys)
    }
    if (identity._tag === "Refused") return answerText(response, 401, text.badKey)
    const farewell = request.headers[header.farewell]
    const mark = memberKey(identity.name, identity.tripcode, instanceOf(request))
    for (const id of acks(request)) members.get(mark)?.link.acknowledge(id)
    if (farewell !== undefined) depart(mark)
    else if (departed.has(mark)) return hold(response)
    if (farewell !== undefined && !members.has(mark)) return answerNothing(response)
    const found = member(
      identity.name,
      identity.tripcode,
      instanceOf(request),
      client,
      `${request.headers[header.reason] ?? ""}`.slice(0, 200),
      programOf(request),
    )
    if (found === undefined) return refuseLink(identity.name, client(), response)
    const { isNew, link } = found
    if (farewell !== undefined) link.farewell(response, farewell === "gone")
    else if (isNew && link.transport === "classic 2") link.greet(response)
    else if (link.transport === "classic 1" && link.parkedCount >= context.room.most(link.name))
      refuseLink(link.name, client(), response)
    else link.listen(request, response)
  }

  /** The pending request that an id names, if the key on this request is that of its server. */
  const pendingFor = (
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
    late?: Pending,
  ): Pending | undefined => {
    const key = keyOf(request)
    if (key === undefined) {
      refuse(request, response, 403, text.noKey)
      return undefined
    }
    const pending = context.rendezvous.handedOut(id) ?? late
    if (pending === undefined) {
      if (context.rendezvous.wasForgotten(id)) refuse(request, response, 502, text.noClient)
      else refuse(request, response, 400, text.unknownId)
      return undefined
    }
    if (identify(request, pending.name, key, context.servers.identify)._tag === "Refused") {
      refuse(request, response, 403, text.wrongServer)
      return undefined
    }
    return pending
  }

  const track = (name: ServerName, request: IncomingMessage, response: ServerResponse): void => {
    let set = transfers.get(name)
    if (set === undefined) {
      set = new Set()
      transfers.set(name, set)
    }
    set.add(request)
    response.once("close", () => {
      set.delete(request)
      if (set.size === 0 && transfers.get(name) === set) transfers.delete(name)
    })
  }

  const respond = (id: string, request: IncomingMessage, response: ServerResponse): void => {
    const pending = pendingFor(id, request, response)
    if (pending === undefined) return
    const { link } = pending
    if (link instanceof ClassicLink) link.acknowledge(id)
    track(pending.name, request, response)
    const body = NodeBody.fromIncoming(request, {
      length: lengthOf(request),
      abandon: () => request.pause(),
    })
    if (request.headers[header.version] === version2) {
      split(body, Classic2.decodeResponseHead, {
        found: (head, rest) => deliver(pending, head, rest, request, response),
        bad: () => {
          if (link instanceof ClassicLink && link === pending.link) {
            link.answered(pending.id)
            pending.fail(badHead)
          }
          refuse(request, response, 400, text.badHead)
        },
        cut: () => {
          if (link instanceof ClassicLink)
            link.lose(pending, "the server broke off before the head of its answer was whole")
        },
      })
      return
    }
    const head = Classic1.decodeResponseHead(`${request.headers[header.magic] ?? ""}`)
    if (Result.isFailure(head)) return refuse(request, response, 400, text.badHead)
    deliver(pending, head.success, body, request, response)
  }

  const deliver = (
    pending: Pending,
    head: ResponseHead,
    body: Body,
    request: IncomingMessage,
    response: ServerResponse,
  ): void => {
    const { link } = pending
    const finish = (): void => {
      if (!request.complete) closeAfter(request, response)
      if (!response.headersSent && !response.destroyed)
        answerText(response, 200, text.streamFinished)
    }
    if (isFetched(pending.body) && !pending.bodyTaken) unread.set(pending.id, pending)
    const taken = pending.answer(head, body, {
      // The end of the request may be parsed only after this callback.
      sent: () => {
        unread.delete(pending.id)
        request.resume()
        setImmediate(finish)
      },
      left: () => {
        unread.delete(pending.id)
        if (!response.headersSent && !response.destroyed)
          refuse(request, response, 200, text.clientDisconnected)
      },
    })
    if (!taken) {
      unread.delete(pending.id)
      return refuse(request, response, 502, text.noClient)
    }
    if (link instanceof ClassicLink) link.answered(pending.id as RequestId)
  }

  /** Several small answers at once; each is the visitor's as soon as it is read. */
  const respondMany = (rest: string, request: IncomingMessage, response: ServerResponse): void => {
    const key = keyOf(request)
    if (rest !== "") return refuse(request, response, 404, "Not found\n")
    if (key === undefined) return refuse(request, response, 403, text.noKey)
    const body = NodeBody.fromIncoming(request, {
      length: lengthOf(request),
      abandon: () => request.pause(),
    })
    collect(body, maxAnswers, {
      whole: (bytes) => {
        const answers = Classic2.decodeAnswers(bytes)
        if (Result.isFailure(answers)) return refuse(request, response, 400, text.badHead)
        WriteBatch.during(() => {
          for (const answer of answers.success) takeAnswer(answer, key, request)
          answerText(response, 200, text.answersTaken)
        })
      },
      tooLarge: () => refuse(request, response, 400, text.badHead),
      cut: () => {},
    })
  }

  const takeAnswer = (
    { bytes, head, id }: Classic2.DecodedAnswer,
    key: string,
    request: IncomingMessage,
  ): void => {
    const pending = context.rendezvous.handedOut(id)
    if (pending === undefined) return
    if (identify(request, pending.name, key, context.servers.identify)._tag === "Refused") return
    const { link } = pending
    if (link instanceof ClassicLink) link.acknowledge(id)
    if (head === undefined) {
      if (link instanceof ClassicLink) link.answered(pending.id)
      return pending.fail(badHead)
    }
    const taken = pending.answer(head, fromBytes(bytes), { sent: () => {}, left: () => {} })
    if (taken && link instanceof ClassicLink) link.answered(pending.id)
  }

  const fetchBody = (id: string, request: IncomingMessage, response: ServerResponse): void => {
    const pending = pendingFor(id, request, response, unread.get(id))
    if (pending === undefined) return
    if (pending.bodyTaken) return refuse(request, response, 400, text.unknownId)
    if (pending.link instanceof ClassicLink) pending.link.acknowledge(id)
    track(pending.name, request, response)
    pending.bodyTaken = true
    unread.delete(id)
    response.writeHead(200, [
      "Content-Type",
      "application/octet-stream",
      ...(pending.body.length === undefined ? [] : ["Content-Length", `${pending.body.length}`]),
    ])
    response.flushHeaders()
    const flow: BodyFlow = NodeBody.writeTo(pending.body, response, {
      ended: () => {},
      failed: () => response.destroy(),
    })
    response.once("close", () => {
      if (!response.writableFinished) flow.cancel()
    })
  }

  const takes = (target: string): boolean =>
    target.startsWith(`${prefix}/`) || endpoints.some(([start]) => target.startsWith(start))

  const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = request.url ?? ""
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url
    const endpoint = endpoints.find(([start]) => path.startsWith(start))
    if (endpoint === undefined) {
      if (path === url) return false
      refuse(request, response, 404, "Not found\n")
      return true
    }
    const [start, method, handle] = endpoint
    response.on("error", () => {})
    request.on("error", () => {})
    if (request.method !== method) refuse(request, response, 405, "Method not allowed\n")
    else handle(path.slice(start.length), request, response)
    return true
  }

  const endpoints = [
    [listenPath, "GET", listen],
    [responsePath, "POST", respond],
    [responsesPath, "POST", respondMany],
    [requestPath, "GET", fetchBody],
  ] as const

  return {
    takes,
    intercept,
    recheck: () => {
      for (const { link } of [...members.values()]) {
        if (context.servers.accepts(link.name, link.tripcode)) continue
        link.revoke()
        for (const request of transfers.get(link.name) ?? []) request.socket.destroy()
      }
    },
  }
}

/** Whether a body does not ride along, but waits to be fetched. */
const isFetched = ({ whole }: Body): boolean => whole === undefined || whole.length > maxInline

const badHead = new ExchangeError({
  code: "PTTH_BAD_ANSWER",
  detail: "the head of its answer cannot be decoded",
})

/** The one key that a request shows; two of them are none. */
const keyOf = (request: IncomingMessage): string | undefined => {
  const raw = request.rawHeaders
  let key: string | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length !== header.apiKey.length || name.toLowerCase() !== header.apiKey) continue
    if (key !== undefined) return ""
    key = raw[i + 1]
  }
  return key
}

const instanceOf = (request: IncomingMessage): string | undefined => {
  if (request.headers[header.version] !== version2) return undefined
  const instance = request.headers[header.instance]
  return typeof instance === "string" && instance.length <= 64 ? instance : "unnamed"
}

const acks = (request: IncomingMessage): ReadonlyArray<string> => {
  const ids = request.headers[header.ack]
  return typeof ids === "string" ? ids.split(",").map((id) => id.trim()) : []
}

const lengthOf = (request: IncomingMessage): number | undefined => {
  const length = request.headers["content-length"]
  return length === undefined ? undefined : Number(length)
}

/** Answers a request whose body may still be coming, and ends its connection if so. */
const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
): void => {
  if (!request.complete && request.method !== "GET") closeAfter(request, response)
  answerText(response, status, body)
}
