/**
 * An app's connection after an upgrade: WebSockets by `ws`, other protocols as
 * raw bytes. Both write to a stand-in for a socket; what they write up to the
 * empty line becomes the response head.
 */
import type { IncomingMessage } from "node:http"
import { Duplex } from "node:stream"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Effect from "effect/Effect"
import * as Socket from "effect/socket/Socket"
import { type WebSocket, WebSocketServer } from "ws"
import { fromRaw, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow, BodySink } from "../body/Body.ts"
import type { Reply } from "../body/Handler.ts"

/** The largest response head that an app may write, in bytes. */
const maxHead = 64 * 1024

/** The app's end of a visitor's connection. */
class Connection extends Duplex {
  private readonly requestBody: Body
  private readonly reply: Reply
  private head: Buffer | undefined = Buffer.alloc(0)
  private sink: BodySink | undefined
  private incoming: BodyFlow | undefined
  private waiting: { readonly chunk: Buffer; readonly done: () => void } | undefined
  private resumed: (() => void) | undefined
  private ended = false

  constructor(requestBody: Body, reply: Reply) {
    super({ allowHalfOpen: true })
    this.requestBody = requestBody
    this.reply = reply
    this.on("error", () => {})
  }

  override _read(): void {
    this.incoming?.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.head === undefined) return this.pass(chunk, done)
    this.head = Buffer.concat([this.head, chunk])
    const end = this.head.indexOf("\r\n\r\n")
    if (end < 0) {
      if (this.head.length > maxHead) this.destroy(new Error("its response head is too large"))
      return done()
    }
    const head = this.head.subarray(0, end).toString("latin1")
    const rest = this.head.subarray(end + 4)
    this.head = undefined
    this.answer(head)
    if (rest.length > 0) this.pass(rest, done)
    else done()
  }

  override _final(done: () => void): void {
    this.ended = true
    this.sink?.end([])
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.incoming?.cancel()
    if (!this.ended) this.sink?.end([])
    done(error)
  }

  private pass(chunk: Buffer, done: () => void): void {
    if (this.sink === undefined) {
      this.waiting = { chunk, done }
      return
    }
    if (this.sink.data(chunk)) done()
    else this.resumed = done
  }

  private answer(text: string): void {
    const [first = "", ...lines] = text.split("\r\n")
    const status = Number(first.split(" ")[1])
    const headers = lines.map((line): Header => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    this.reply.respond({ status, headers }, this.outgoing())
    if (status !== 101) return
    this.incoming = this.requestBody.read({
      data: (chunk) => this.push(chunk),
      end: () => void this.push(null),
      fail: (error) => void this.destroy(error),
    })
  }

  private outgoing(): Body {
    return {
      length: undefined,
      whole: undefined,
      discard: () => void this.destroy(),
      read: (sink) => {
        this.sink = sink
        queueMicrotask(() => {
          const { waiting } = this
          this.waiting = undefined
          if (waiting !== undefined) this.pass(waiting.chunk, waiting.done)
          if (this.ended) sink.end([])
        })
        return {
          resume: () => {
            const { resumed } = this
            this.resumed = undefined
            resumed?.()
          },
          cancel: () => void this.destroy(),
        }
      },
    }
  }
}

let acceptor: WebSocketServer | undefined

/** The parts of a request that `ws` reads. */
const asIncoming = (head: RequestHead): IncomingMessage => {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of head.headers) headers[name.toLowerCase()] ??= value
  return { method: head.method, url: head.target, headers } as unknown as IncomingMessage
}

/** The connection as a WebSocket that the app has accepted. */
export const webSocket = (
  head: RequestHead,
  body: Body,
  reply: Reply,
): Effect.Effect<Socket.Socket> =>
  Socket.fromWebSocket(
    Effect.acquireRelease(
      Effect.callback<WebSocket, Socket.SocketError>((resume) => {
        acceptor ??= new WebSocketServer({ noServer: true, perMessageDeflate: false })
        const connection = new Connection(body, reply)
        const refused = (): void =>
          resume(
            Effect.fail(
              new Socket.SocketError({
                reason: new Socket.SocketOpenError({
                  kind: "Unknown",
                  cause: new Error("the connection closed before the protocol was changed"),
                }),
              }),
            ),
          )
        connection.once("close", refused)
        acceptor.handleUpgrade(asIncoming(head), connection, Buffer.alloc(0), (opened) => {
          connection.off("close", refused)
          resume(Effect.succeed(opened))
        })
      }),
      (opened) => Effect.sync(() => opened.close(1000)),
    ),
  )

/** The connection as the raw bytes of another protocol. */
export const raw = (
  protocol: string,
  headers: HeaderList,
  body: Body,
  reply: Reply,
): Effect.Effect<Socket.Socket> =>
  NodeSocket.fromDuplex(
    Effect.sync(() => {
      const connection = new Connection(body, reply)
      const fields: HeaderList = [["Connection", "Upgrade"], ["Upgrade", protocol], ...headers]
      connection.write(HeadText.response(101, "Switching Protocols", fields), "latin1")
      return connection
    }),
  )

/** The fields of a record as a list. */
export const fieldsOf = (record: Readonly<Record<string, string>>): HeaderList =>
  fromRaw(Object.entries(record).flat())
