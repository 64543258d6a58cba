/**
 * The socket of a request for another protocol: first it takes an HTTP
 * response like any other, and after a 101 it carries the bytes of both sides.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { allExcept } from "../../protocol/http/ConnectionFields.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import { type Body, type BodyFlow, withContent } from "../body/Body.ts"
import { type BodySource, PushedBody } from "../body/PushedBody.ts"
import { endSoon } from "../net/ConnectionClose.ts"
import * as NodeBody from "../net/NodeBody.ts"
import { http, STATUS_CODES } from "../runtime/NodeHttp.ts"

/** A 101 response says what the protocol is changed to, and has no body (RFC 9110 7.8, 8.6). */
const notOf101 = allExcept(["upgrade"], ["content-length"])

/** See the file's header. */
export class NodeUpgrade implements BodySource {
  readonly socket: Duplex
  /** What the visitor sends after the 101 response; read from the socket only when it is wanted. */
  readonly incoming = new PushedBody(undefined, this)
  /** The content of the request, once it is whole. */
  content: Buffer | undefined
  private state: "Unread" | "Wanted" | "Open" | "Abandoned" = "Unread"
  private flow: BodyFlow | undefined

  /** @param head what came behind the head of the request */
  constructor(socket: Duplex, head: Buffer) {
    this.socket = socket
    if (head.length > 0) socket.unshift(head)
  }

  /** The body of the request; see `Body.content`. */
  get body(): Body {
    return this.content === undefined ? this.incoming : withContent(this.incoming, this.content)
  }

  /**
   * A response object on the socket, as Node makes for other requests. Node has
   * taken its own listeners off the socket, so their events are passed on here.
   */
  response(request: IncomingMessage): ServerResponse {
    const { socket } = this
    const response = new http.ServerResponse(request)
    response.assignSocket(socket as Socket)
    response.shouldKeepAlive = false
    response.once("finish", () => endSoon(socket))
    socket.on("error", () => {})
    socket.on("drain", () => {
      if (response.socket !== null) response.emit("drain")
    })
    socket.once("close", () => response.emit("close"))
    return response
  }

  /** Writes the 101 response; `Connection` is this connection's own. */
  writeHead({ headers, status }: ResponseHead): void {
    const others = headers.filter(([name]) => !notOf101.has(name.toLowerCase()))
    const fields: HeaderList = [["Connection", "Upgrade"], ...others]
    const reason = STATUS_CODES[status] ?? "Unknown"
    this.socket.write(HeadText.response(status, reason, fields), "latin1")
  }

  /** The response was 101. */
  open(): void {
    if (this.state === "Abandoned") return
    const isWanted = this.state === "Wanted"
    this.state = "Open"
    if (isWanted) this.resume()
  }

  resume(): void {
    if (this.state === "Unread") this.state = "Wanted"
    if (this.state !== "Open") return
    if (this.flow === undefined) this.flow = NodeBody.readDuplex(this.socket, this.incoming)
    else this.flow.resume()
  }

  abandon(): void {
    this.state = "Abandoned"
    this.flow?.cancel()
  }
}
