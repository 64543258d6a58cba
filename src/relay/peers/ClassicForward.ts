/**
 * Servers that speak classic send each request over whatever connection they
 * have, so behind a balancer it may come to any relay. What belongs to a request
 * that another relay gave out is passed on to that one: its id says which.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Effect from "effect/Effect"
import { everybody, type HopLink, type PeersShape } from "../../cluster/Peers.ts"
import { fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { isRequestId, type RequestId, slotOf } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import type { Answer } from "../../protocol/Message.ts"
import { acknowledgeKind, cancelKind, departKind } from "../../protocol/peer/ClassicControl.ts"
import {
  header,
  maxResponseMillis,
  responsePath,
  responsesPath,
  text,
  version2,
} from "../../protocol/Wire.ts"
import { type Body, empty, fromBytes } from "../../transport/body/Body.ts"
import { closeAfter } from "../../transport/net/ConnectionClose.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"

/** What other relays tell of classic servers. */
export interface ClassicServers {
  acknowledge(name: ServerName, ids: ReadonlyArray<string>): void
  depart(process: string, isGone: boolean): void
  cancel(process: string, id: RequestId): void
}

/** The fields of a server's request that are passed on. */
const passedOn: ReadonlySet<string> = new Set([
  header.apiKey,
  header.version,
  header.magic,
  header.instance,
])

/** A head that no relay can decode. */
const illegalHead = Buffer.from([0xc1])

/** See the file's header. */
export class ClassicForward {
  private readonly peers: PeersShape

  constructor(peers: PeersShape) {
    this.peers = peers
  }

  /** Tells these servers what other relays hear of them. */
  follow(servers: ClassicServers): void {
    const { peers } = this
    peers.onControl(acknowledgeKind, ({ ids, name }) =>
      Effect.sync(() => {
        servers.acknowledge(name, ids)
        return null
      }),
    )
    peers.onControl(cancelKind, ({ id, process }) =>
      Effect.sync(() => {
        servers.cancel(process, id)
        return null
      }),
    )
    peers.onControl(departKind, ({ isGone, process }) =>
      Effect.sync(() => {
        servers.depart(process, isGone)
        return null
      }),
    )
  }

  get isAlone(): boolean {
    return this.peers.isAlone
  }

  /** Passes a request of a server to the relay that gave out an id; `false` if it is not known. */
  forward(id: string, path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const link = isRequestId(id) ? this.linkOf(id) : undefined
    if (link === undefined) return false
    const headers = fromRaw(request.rawHeaders)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => passedOn.has(name))
    const method = request.method ?? ""
    const body = method === "GET" ? empty : NodeBody.ofRequest(request)
    const end = (status: number, fields: HeaderList, content: Body): void => {
      if (!request.complete && method !== "GET") closeAfter(request, response)
      response.writeHead(status, fields.flat())
      NodeBody.respondWith(content, response)
    }
    const cancel = hop(link, method, path, headers, body, {
      respond: end,
      failed: () => {
        if (!response.headersSent && !response.destroyed)
          end(502, [], fromBytes(Buffer.from(text.noClient)))
      },
    })
    response.once("close", () => {
      if (!response.writableFinished) cancel()
    })
    return true
  }

  /** Passes small answers to the relays that gave out their ids; returns the others. */
  forwardAnswers<A extends Classic2.DecodedAnswer>(
    answers: ReadonlyArray<A>,
    key: string,
  ): ReadonlyArray<A> {
    const own: Array<A> = []
    const others = new Map<HopLink, Array<Answer>>()
    for (const answer of answers) {
      const { bytes, head, id } = answer
      const link = this.linkOf(id)
      if (link === undefined) own.push(answer)
      else if (head === undefined) send(link, responsePath + id, key, illegalHead)
      else {
        const group = others.get(link)
        if (group === undefined) others.set(link, [{ id, head, bytes }])
        else group.push({ id, head, bytes })
      }
    }
    for (const [link, group] of others)
      send(link, responsesPath, key, Classic2.encodeAnswers(group))
    return own
  }

  /** Tells the relays that gave out these ids that a server has the requests. */
  acknowledge(name: ServerName, ids: ReadonlyArray<string>): void {
    if (this.isAlone) return
    const byPeer = Map.groupBy(ids.filter(isRequestId), (id) => this.peerOf(id))
    for (const [peer, group] of byPeer)
      if (peer !== undefined) this.peers.tell(peer, acknowledgeKind, { name, ids: group })
  }

  /** Tells all that a process takes no more requests, or is gone. */
  depart(process: string, isGone: boolean): void {
    if (!this.isAlone) this.peers.tell(everybody, departKind, { process, isGone })
  }

  /** Tells all that a process is to cancel a request of this relay. */
  cancel(process: string, id: RequestId): void {
    this.peers.tell(everybody, cancelKind, { process, id })
  }

  /** The relay that gave out an id, if it is another one. */
  private peerOf(id: RequestId): string | undefined {
    const { peers } = this
    if (peers.isAlone) return undefined
    const slot = slotOf(id)
    if (slot === peers.self.slot()) return undefined
    return peers.list().find((peer) => peer.state === "up" && peer.slot === slot)?.id
  }

  private linkOf(id: RequestId): HopLink | undefined {
    const peer = this.peerOf(id)
    const link = peer === undefined ? undefined : this.peers.link(peer)
    return link !== undefined && link.room > 0 ? link : undefined
  }
}

interface Answered {
  readonly respond: (status: number, fields: HeaderList, body: Body) => void
  readonly failed: () => void
}

const hop = (
  link: HopLink,
  method: string,
  target: string,
  headers: HeaderList,
  body: Body,
  { failed, respond }: Answered,
): (() => void) =>
  link.hop(
    {
      name: "",
      head: { method, target, headers },
      millis: maxResponseMillis,
      trace: "",
      visitor: "",
    },
    body,
    {
      respond: ({ headers, status }, content) => respond(status, headers, content),
      fail: failed,
    },
  )

/** Sends something whose answer does not matter. */
const send = (link: HopLink, target: string, key: string, bytes: Buffer): void => {
  const headers: HeaderList = [
    [header.apiKey, key],
    [header.version, version2],
  ]
  hop(link, "POST", target, headers, fromBytes(Buffer.from(bytes)), {
    respond: (_status, _fields, content) => content.discard(),
    failed: () => {},
  })
}
