/**
 * `--to`: the handler that passes requests on to one fixed HTTP origin. No
 * path, Host or redirect leads anywhere else: the connection's address is
 * never taken from a request.
 */
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { first, fromRaw, type Header, type HeaderList } from "../domain/HeaderList.ts"
import { ExchangeError } from "../protocol/Exchange.ts"
import { contentLength, responseHasBody } from "../protocol/Framing.ts"
import * as HopByHop from "../protocol/HopByHop.ts"
import type { RequestHead } from "../protocol/Message.ts"
import { withoutHost } from "../protocol/PathPrefix.ts"
import { type Body, type BodyFlow, empty } from "../transport/Body.ts"
import type { Cancel, Handler, Reply } from "../transport/Handler.ts"
import * as NodeBody from "../transport/NodeBody.ts"
import * as NodeClient from "../transport/NodeClient.ts"

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
  const client = NodeClient.make({ origin: options.origin, proxies: false })
  return {
    close: client.close,
    handler: (head, body, reply) => {
      const call = new Call(client, options, head, body, reply)
      call.send()
      return call.cancel
    },
  }
}

/** Whether there was no connection at all; an AggregateError is one failure for each address of a name. */
const isUnreachable = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "connect" || error.syscall === "getaddrinfo" || error instanceof AggregateError

class Call {
  private readonly client: NodeClient.Client
  private readonly options: OriginOptions
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

  constructor(
    client: NodeClient.Client,
    options: OriginOptions,
    head: RequestHead,
    body: Body,
    reply: Reply,
  ) {
    this.client = client
    this.options = options
    this.head = head
    this.body = body
    this.reply = reply
    this.protocol = HopByHop.upgradeOf(head.headers)
  }

  /** What the origin is told to be. */
  private get host(): string {
    return this.options.hostHeader ?? first(this.head.headers, "host") ?? this.client.host
  }

  readonly cancel: Cancel = () => {
    if (this.over) return
    this.over = true
    this.upload?.cancel()
    this.request?.destroy()
    this.socket?.destroy()
  }

  send(): void {
    const { body, head } = this
    const request = this.client.request({
      method: head.method,
      path: head.target,
      headers: this.fields(),
      fresh: this.fresh,
    })
    this.request = request
    request.on("response", (response) => this.onResponse(response))
    request.on("upgrade", (response, socket, head) => this.onUpgrade(response, socket, head))
    request.on("error", (error: NodeJS.ErrnoException) => this.onError(request, error))
    if (this.protocol !== undefined) {
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

  /** The fields with this leg's own framing, Host first. */
  private fields(): HeaderList {
    const { body, head } = this
    const fields: Array<Header> = [["Host", this.host]]
    const chunked = body.length === undefined
    for (const header of HopByHop.strip(head.headers)) {
      const name = header[0].toLowerCase()
      if (name === "host" || name === "content-length" || (name === "trailer" && !chunked)) continue
      fields.push(header)
    }
    if (HopByHop.takesTrailers(head.headers)) fields.push(["TE", "trailers"])
    if (this.protocol !== undefined) {
      return [...fields, ["Connection", "Upgrade"], ["Upgrade", this.protocol]]
    }
    if (chunked) fields.push(["Transfer-Encoding", "chunked"])
    else if (body.length > 0 || first(head.headers, "content-length") !== undefined)
      fields.push(["Content-Length", `${body.length}`])
    return fields
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
    const stripped = HopByHop.strip(raw).filter(
      ([name]) => !(coded && name.toLowerCase() === "content-length"),
    )
    const isVisitors = this.host === first(this.head.headers, "host")
    const headers = isVisitors ? stripped : withoutHost(stripped, this.host)
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
      failed: () => socket.destroy(),
    })
    this.reply.respond(
      { status: 101, headers },
      {
        length: undefined,
        whole: undefined,
        discard: () => socket.destroy(),
        read: (sink) => NodeBody.readDuplex(socket, sink),
      },
    )
  }

  private onError(request: ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.over || this.answered || request !== this.request) return
    const mayRepeat = repeatable.has(this.head.method) && this.body.whole?.length === 0
    if (request.reusedSocket && mayRepeat) {
      this.fresh = true
      return this.send()
    }
    this.over = true
    this.upload?.cancel()
    if (!this.reading) this.body.discard()
    const place = this.options.origin.host
    const down = isUnreachable(error)
    this.reply.fail(
      new ExchangeError({
        code: down ? "PTTH_ORIGIN_DOWN" : "PTTH_ORIGIN_BROKEN",
        detail: down
          ? `nothing answers at ${place} (${error.code})`
          : `${place} broke off (${error.code ?? error.message})`,
      }),
    )
  }
}
