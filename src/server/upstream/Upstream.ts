/**
 * The handler of `--to`: forwards requests to one fixed HTTP origin. The address
 * of a connection is never taken from a request, so neither a path nor a Host nor
 * a redirect leads to another host.
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
import * as UpstreamAddress from "./UpstreamAddress.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

/** The origin, the path that is put before each target, and which Host it gets. */
export type UpstreamOptions = UpstreamAddress.UpstreamAddressOptions

/** A handler with a pool of connections. */
export interface Upstream {
  readonly handler: Handler
  /** Closes the idle connections, and keeps none any more. */
  readonly close: () => void
}

/** How long the body waits for `100 Continue` before it is sent anyway (RFC 9110 10.1.1), in milliseconds. */
const continueMillis = 1_000

/** Safe methods (RFC 9110 9.2.1): a request without a body may be sent again on a new connection. */
const safeMethods = new Set(["GET", "HEAD", "OPTIONS"])

/** Makes the handler. */
export const make = (options: UpstreamOptions): Upstream => {
  const { hostHeader, origin } = options
  const authority = origin.host
  const client = NodeClient.make({ origin, proxies: false })
  const plainClient =
    origin.protocol === "http:" ? new PlainClient(NodeClient.addressOf(origin)) : undefined
  return {
    close: () => {
      client.close()
      plainClient?.close()
    },
    handler: UpstreamAddress.mapped(options, (head, body, reply) => {
      const host = hostHeader ?? first(head.headers, "host") ?? authority
      const mayRepeat = safeMethods.has(head.method) && body.whole?.length === 0
      const whole = plainClient && PlainUpstream.wholeOf(head, body)
      if (plainClient !== undefined && whole !== undefined) {
        const request = { head, whole, host, authority, repeatable: mayRepeat }
        const cancel = PlainUpstream.send(plainClient, request, reply)
        if (cancel !== undefined) return cancel
      }
      const forward = new Forward({ client, authority, host, mayRepeat }, head, body, reply)
      forward.send()
      return forward.cancel
    }),
  }
}

/** How a request is sent to the origin. */
interface ForwardOptions {
  readonly client: NodeClient.Client
  /** Host and port of the origin, for error messages. */
  readonly authority: string
  /** The value of the Host field. */
  readonly host: string
  /** Whether it may be sent again when a reused connection turns out to be closed (RFC 9112 9.3.1). */
  readonly mayRepeat: boolean
}

/** A request that is forwarded by Node's client. */
class Forward {
  private readonly options: ForwardOptions
  private readonly head: RequestHead
  private readonly body: Body
  private readonly reply: Reply
  /** The protocol that the visitor asks to change to; the body is then the visitor's side of it. */
  private readonly protocol: string | undefined
  private request: ClientRequest | undefined
  /** The request body, once it is being read. */
  private upload: BodyFlow | undefined
  /** The connection after a 101 response. */
  private socket: Duplex | undefined
  /** `Responded`: the reply has the head of the response. */
  private state: "Waiting" | "Responded" | "Over" = "Waiting"
  /** Whether it is sent on a new connection, because a reused one was closed. */
  private repeated = false

  constructor(options: ForwardOptions, head: RequestHead, body: Body, reply: Reply) {
    this.options = options
    this.head = head
    this.body = body
    this.reply = reply
    this.protocol = HopByHop.upgradeOf(head.headers)
  }

  readonly cancel: Cancel = () => {
    if (this.state === "Over") return
    this.state = "Over"
    this.upload?.cancel()
    this.request?.destroy()
    this.socket?.destroy()
  }

  send(): void {
    const { body, head, options, protocol } = this
    const request = options.client.request({
      method: head.method,
      path: head.target,
      headers: UpstreamFields.ofRequest(head, options.host, { length: body.length, protocol }),
      fresh: this.repeated,
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
    const isStarted = this.upload !== undefined
    if (isStarted || this.state === "Over" || request === undefined || request.destroyed) return
    this.upload = NodeBody.writeTo(this.body, request, {
      ended: () => {},
      failed: () => {
        this.request?.destroy()
      },
    })
  }

  private onResponse(response: IncomingMessage): void {
    if (this.state === "Over") {
      response.destroy()
      return
    }
    this.state = "Responded"
    const status = response.statusCode ?? 0
    const raw = fromRaw(response.rawHeaders)
    // A Content-Length beside Transfer-Encoding does not count (RFC 9112 6.3).
    const isCoded = first(raw, "transfer-encoding") !== undefined
    const length = isCoded ? "none" : contentLength(raw)
    const fields = isCoded ? without(raw, contentLengthOnly) : raw
    const headers = HopByHop.strip(fields)
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

  /** The origin has changed the protocol: from here on bytes are passed in both directions. */
  private onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {})
    if (this.state === "Over") {
      socket.destroy()
      return
    }
    this.state = "Responded"
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
    if (this.state !== "Waiting" || request !== this.request) return
    if (request.reusedSocket && this.options.mayRepeat) {
      this.repeated = true
      return this.send()
    }
    this.state = "Over"
    if (this.upload === undefined) this.body.discard()
    else this.upload.cancel()
    this.reply.fail(UpstreamFailure.make(this.options.authority, error))
  }
}

const contentLengthOnly = new Set(["content-length"])
