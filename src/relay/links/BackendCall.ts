/**
 * A request of a classic server to the backend API, which came over a connection
 * of its own or was passed on by another relay, and how it is answered.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { all, first, type HeaderList } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { header, text } from "../../protocol/Wire.ts"
import { type Body, fromText } from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import { closeAfter } from "../../transport/net/ConnectionClose.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"

/** See the file's header. */
export interface BackendCall {
  /** The key; `undefined` if there is none, empty if there are several, which is no valid key. */
  readonly key: string | undefined
  /** Stands for the connection: its key is checked once. */
  readonly connection: object
  /** Whether another relay has passed it on. */
  readonly isForwarded: boolean
  readonly body: Body
  /** The value of a field, by its lower-case name. */
  field(name: string): string | undefined
  /** Answers with a text. */
  answer(status: number, body: string): void
  /** Answers with a text although the body may still be arriving. */
  reject(status: number, body: string): void
  /** Tells the server that all of its response has gone to the visitor. */
  acknowledge(): void
  /** Answers with a body. */
  respond(fields: HeaderList, body: Body): void
  readonly isAnswered: boolean
  /** Ends it in both directions, in whatever state it is. */
  breakOff(): void
  /** Calls the listener when nothing more happens to it. */
  onClosed(listener: () => void): void
}

/** A request over a connection of its own. */
export class NodeCall implements BackendCall {
  readonly isForwarded = false
  readonly key: string | undefined
  private readonly request: IncomingMessage
  private readonly response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.key = keyOf(request)
    this.request = request
    this.response = response
  }

  get connection(): object {
    return this.request.socket
  }

  get body(): Body {
    return NodeBody.ofRequest(this.request)
  }

  get isAnswered(): boolean {
    return this.response.headersSent || this.response.destroyed
  }

  field(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === "string" ? value : value?.[0]
  }

  answer(status: number, body: string): void {
    answerText(this.response, status, body)
  }

  reject(status: number, body: string): void {
    rejectRequest(this.request, this.response, status, body)
  }

  acknowledge(): void {
    const { request, response } = this
    request.resume()
    // The end of the request may be parsed only after this callback.
    setImmediate(() => {
      if (!request.complete) closeAfter(request, response)
      if (!this.isAnswered) answerText(response, 200, text.streamFinished)
    })
  }

  respond(fields: HeaderList, body: Body): void {
    const { response } = this
    response.writeHead(200, fields.flat())
    response.flushHeaders()
    NodeBody.respondWith(body, response)
  }

  breakOff(): void {
    this.request.socket.destroy()
  }

  onClosed(listener: () => void): void {
    this.response.once("close", listener)
  }
}

/** A request that another relay has passed on. */
export class ForwardedCall implements BackendCall {
  readonly isForwarded = true
  readonly key: string | undefined
  isAnswered = false
  private readonly head: RequestHead
  private readonly content: Body
  private readonly reply: Reply
  private readonly listeners: Array<() => void> = []
  private isTaken = false

  constructor(head: RequestHead, content: Body, reply: Reply) {
    const [key, ...more] = all(head.headers, header.apiKey)
    this.key = more.length > 0 ? "" : key
    this.head = head
    this.content = content
    this.reply = reply
  }

  get connection(): object {
    return this
  }

  get body(): Body {
    this.isTaken = true
    return this.content
  }

  field(name: string): string | undefined {
    return first(this.head.headers, name)
  }

  answer(status: number, body: string): void {
    this.send(status, [["Content-Type", "text/plain; charset=utf-8"]], fromText(body))
  }

  reject(status: number, body: string): void {
    this.answer(status, body)
  }

  acknowledge(): void {
    this.answer(200, text.streamFinished)
  }

  respond(fields: HeaderList, body: Body): void {
    this.send(200, fields, body)
  }

  breakOff(): void {
    this.isAnswered = true
    this.reply.fail(new ExchangeError({ code: "PTTH_LINK_LOST", detail: "it is broken off" }))
    this.close()
  }

  onClosed(listener: () => void): void {
    this.listeners.push(listener)
  }

  /** The other relay gives it up, or it is over. */
  close(): void {
    if (!this.isTaken) this.content.discard()
    this.isTaken = true
    for (const listener of this.listeners.splice(0)) listener()
  }

  private send(status: number, headers: HeaderList, body: Body): void {
    if (this.isAnswered) return body.discard()
    this.isAnswered = true
    this.reply.respond({ status, headers }, body, () => this.close())
  }
}

/** The key of a request; `undefined` if it has none, empty if it has several, which is no valid key. */
export const keyOf = ({ rawHeaders }: IncomingMessage): string | undefined => {
  let key: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== header.apiKey.length || name.toLowerCase() !== header.apiKey) continue
    if (key !== undefined) return ""
    key = rawHeaders[i + 1]
  }
  return key
}

/** Answers with a text. */
export const answerText = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  })
  response.end(body)
}

/** Answers with a text although the request's body may still be arriving; its connection ends if so. */
export const rejectRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
): void => {
  if (!request.complete && request.method !== "GET") closeAfter(request, response)
  answerText(response, status, body)
}

/** The program and version that a server sends of itself, at most 100 characters; empty if it sends none. */
export const programOf = (request: Pick<IncomingMessage, "headers">): string =>
  (request.headers["user-agent"] ?? "").slice(0, 100)
