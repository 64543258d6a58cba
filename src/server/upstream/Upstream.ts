/**
 * `--to`: the handler that passes requests on to one fixed HTTP origin. No
 * path, Host or redirect leads anywhere else: the connection's address is
 * never taken from a request.
 */
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { first, fromRaw, type HeaderList, without } from "../../domain/HeaderList.ts"
import { contentLength, responseHasBody } from "../../protocol/http/Framing.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type Body, type BodyFlow, empty } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { cutOff } from "../../transport/net/ConnectionClose.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import * as NodeClient from "../../transport/net/NodeClient.ts"
import { PlainClient } from "./PlainClient.ts"
import * as PlainUpstream from "./PlainUpstream.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

/** The origin, and what it is told. */
export interface OriginOptions {
  /** Scheme, host and port. */
  readonly origin: URL
  /** The Host that the origin sees instead of the visitor's. */
  readonly hostHeader?: string
}

/** A handler with a pool of connections, which `close` ends. */
export interface Origin {
  readonly handler: Handler
  readonly close: () => void
}

/** An origin that waits to be asked for the body says so within this time, or gets it anyway (RFC 9110 10.1.1); in milliseconds. */
const continueMillis = 1_000

const repeatable = new Set(["GET", "HEAD", "OPTIONS"])

/** Makes the handler. */
export const make = (options: OriginOptions): Origin => {
  const { hostHeader, origin } = options
  const place = origin.host
  const client = NodeClient.make({ origin, proxies: false })
  const plain =
    origin.protocol === "http:" ? new PlainClient(NodeClient.addressOf(origin)) : undefined
  return {
    close: () => {
      client.close()
      plain?.close()
    },
    handler: (head, body, reply) => {
      const host = hostHeader ?? first(head.headers, "host") ?? place
      const mayRepeat = repeatable.has(head.method) && body.whole?.length === 0
      const whole = plain && PlainUpstream.wholeOf(head, body)
      if (plain !== undefined && whole !== undefined) {
        const request = { head, whole, host, place, repeatable: mayRepeat }
        const cancel = PlainUpstream.send(plain, request, reply)
        if (cancel !== undefined) return cancel
      }
      const call = new Call({ client, place, host, mayRepeat }, head, body, reply)
      call.send()
      return call.cancel
    },
  }
}

/** The way of a request to its origin. */
interface Way {
  readonly client: NodeClient.Client
  /** Where the origin is, for whoever reads a failure. */
  readonly place: string
  /** What the origin is told to be. */
  readonly host: string
  /** Whether it may be sent once more, should a kept connection turn out to be dead. */
  readonly mayRepeat: boolean
}

class Call {
  private readonly way: Way
  private readonly head: RequestHead
  private readonly body: Body
  private readonly reply: Reply
  /** What the visitor wants to change to; its body is then the connection. */
  private readonly protocol: string | undefined
  private request: ClientRequest | undefined
  private upload: BodyFlow | undefined
  private socket: Duplex | undefined
  private reading = false
  private answered = false
  private over = false
  private fresh = false

  constructor(way: Way, head: RequestHead, body: Body, reply: Reply) {
    this.way = way
    this.head = head
    this.body = body
    this.reply = reply
    this.protocol = HopByHop.upgradeOf(head.headers)
  }

  readonly cancel: Cancel = () => {
    if (this.over) return
    this.over = true
    this.upload?.cancel()
    this.request?.destroy()
    this.socket?.destroy()
  }

  send(): void {
    const { body, head, protocol, way } = this
    const request = way.client.request({
      method: head.method,
      path: head.target,
      headers: UpstreamFields.ofRequest(head, way.host, { length: body.length, protocol }),
      fresh: this.fresh,
    })
    this.request = request
    request.on("response", (response) => this.onResponse(response))
    request.on("upgrade", (response, socket, head) => this.onUpgrade(response, socket, head))
    request.on("error", (error: NodeJS.ErrnoException) => this.onError(request, error))
    if (protocol !== undefined) {
      request.end()
      return
    }
    if (body.whole !== undefined) {
      request.end(body.whole)
      return
    }
    request.flushHeaders()
    if (first(head.headers, "expect")?.toLowerCase() !== "100-continue") return this.sendBody()
    const timer = setTimeout(() => this.sendBody(), continueMillis)
    request.once("continue", () => this.sendBody())
    request.once("response", () => clearTimeout(timer))
    request.once("close", () => clearTimeout(timer))
  }

  private sendBody(): void {
    const { request } = this
    if (this.reading || this.over || request === undefined || request.destroyed) return
    this.reading = true
    this.upload = NodeBody.writeTo(this.body, request, {
      ended: () => {},
      failed: () => {
        this.request?.destroy()
      },
    })
  }

  private onResponse(response: IncomingMessage): void {
    if (this.over) {
      response.destroy()
      return
    }
    this.answered = true
    const status = response.statusCode ?? 0
    const raw = fromRaw(response.rawHeaders)
    const coded = first(raw, "transfer-encoding") !== undefined
    const length = coded ? "none" : contentLength(raw)
    const framed = coded ? without(raw, contentLengthOnly) : raw
    const headers = UpstreamFields.ofResponse(framed, this.head, this.way.host)
    const hasBody = responseHasBody(this.head.method, status)
    if (!hasBody) response.resume()
    const body = hasBody
      ? NodeBody.fromIncoming(response, {
          length: typeof length === "number" ? length : undefined,
          abandon: () => response.destroy(),
        })
      : empty
    this.reply.respond({ status, headers }, body)
  }

  /** The origin has changed the protocol: both connections are one from here on. */
  private onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {})
    if (this.over) {
      socket.destroy()
      return
    }
    this.answered = true
    if (head.length > 0) socket.unshift(head)
    const raw = fromRaw(response.rawHeaders)
    const upgrade = first(raw, "upgrade") ?? this.protocol ?? ""
    const headers: HeaderList = [...HopByHop.strip(raw), ["Upgrade", upgrade]]
    this.socket = socket
    this.upload = NodeBody.writeTo(this.body, socket, {
      ended: () => {},
      failed: () => cutOff(socket),
    })
    this.reply.respond(
      { status: 101, headers },
      {
        length: undefined,
        whole: undefined,
        discard: () => cutOff(socket),
        read: (sink) => NodeBody.readDuplex(socket, sink),
      },
    )
  }

  private onError(request: ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.over || this.answered || request !== this.request) return
    if (request.reusedSocket && this.way.mayRepeat) {
      this.fresh = true
      return this.send()
    }
    this.over = true
    this.upload?.cancel()
    if (!this.reading) this.body.discard()
    this.reply.fail(UpstreamFailure.make(this.way.place, error))
  }
}

const contentLengthOnly = new Set(["content-length"])
