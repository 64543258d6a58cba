/**
 * One request on a classic server: the handler is asked, and its answer goes
 * to the relay as the body of a POST (P5). The relay answers that POST only
 * when the visitor has everything or has left (P7), so an early answer means:
 * stop.
 */
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { BodyError, type ExchangeError } from "../../protocol/Exchange.ts"
import { responseHasBody } from "../../protocol/http/Framing.ts"
import type { Offer, ResponseHead } from "../../protocol/Message.ts"
import { maxAnswerBody, requestPath, responsePath, version2 } from "../../protocol/Wire.ts"
import { type Body, type BodyFlow, empty, fromBytes } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import type { Client, ClientRequestOptions } from "../../transport/net/NodeClient.ts"
import { failure } from "../uplink/HandlerGuard.ts"
import type { ClassicAnswers } from "./ClassicAnswers.ts"

/** What an exchange stands on. */
export interface ClassicExchangeOptions {
  readonly client: Client
  readonly basePath: string
  readonly apiKey: ApiKey
  readonly dialect: "classic 1" | "classic 2"
  /** Where small answers go together, if the relay takes them so. */
  readonly answers: ClassicAnswers | undefined
  readonly handler: Handler
  /** It is over, in whichever way. */
  readonly onOver: () => void
}

/** A relay has nothing to say that is longer, in bytes. */
const maxAnswer = 64 * 1024

/** Answers one request; the returned function gives it up. */
export const start = (offer: Offer, options: ClassicExchangeOptions): Cancel => {
  const exchange = new ClassicExchange(offer, options)
  exchange.run()
  return () => exchange.end()
}

class ClassicExchange implements Reply {
  private readonly offer: Offer
  private readonly options: ClassicExchangeOptions
  private cancelHandler: Cancel | undefined
  private flow: BodyFlow | undefined
  private leave: (() => void) | undefined
  private unqueue: (() => void) | undefined
  private answered = false
  private written = false
  private over = false

  constructor(offer: Offer, options: ClassicExchangeOptions) {
    this.offer = offer
    this.options = options
  }

  run(): void {
    const cancel = this.options.handler(this.offer.head, this.requestBody(), this)
    if (this.over) cancel()
    else this.cancelHandler = cancel
  }

  /** Gives the exchange up in both directions. */
  end(): void {
    if (this.over) return
    this.over = true
    this.flow?.cancel()
    this.cancelHandler?.()
    this.leave?.()
    this.unqueue?.()
    this.options.onOver()
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.answered || this.over) return body.discard()
    this.answered = true
    this.write(head, body, sent)
  }

  fail(error: ExchangeError): void {
    if (this.answered || this.over) return
    this.answered = true
    const [head, body] = failure(this.offer.head, error)
    this.write(head, body, undefined)
  }

  private write(head: ResponseHead, given: Body, sent: (() => void) | undefined): void {
    const hasBody = responseHasBody(this.offer.head.method, head.status)
    if (!hasBody) given.discard()
    const body = hasBody ? given : empty
    const start =
      this.options.dialect === "classic 2" ? Classic2.encodeResponseHead(head) : undefined
    if (body.whole !== undefined && body.whole.length <= maxAnswerBody) {
      if (this.options.answers !== undefined && this.offer.body._tag !== "Fetch")
        return this.addTo(this.options.answers, head, body.whole, sent)
      const bytes = start === undefined ? body.whole : Buffer.concat([start, body.whole])
      this.written = true
      this.leave = this.options.client.sendWhole(this.postOf(head, start, body), bytes, {
        response: (response) => this.onAnswer(response, sent),
        failed: () => this.end(),
      })
      return
    }
    const post = this.options.client.request(this.postOf(head, start, body))
    this.leave = () => post.destroy()
    post.on("error", () => this.end())
    post.on("response", (response) => this.onAnswer(response, sent))
    if (start !== undefined) post.write(start)
    else post.flushHeaders()
    this.flow = NodeBody.writeTo(body, post, {
      ended: () => {
        this.written = true
      },
      failed: () => this.breakOff(post),
    })
  }

  private addTo(
    answers: ClassicAnswers,
    head: ResponseHead,
    bytes: Uint8Array,
    sent: (() => void) | undefined,
  ): void {
    this.unqueue = answers.add({ id: this.offer.id, head, bytes }, (taken) => {
      if (taken && !this.over) sent?.()
      this.end()
    })
  }

  /** The body broke off. The relay must see that, so the POST's head goes out before it is cut. */
  private breakOff(post: ClientRequest): void {
    const cut = (): void => {
      setImmediate(() => this.end())
    }
    const onSocket = (socket: Socket): void => {
      if (socket.connecting) socket.once("connect", cut)
      else cut()
    }
    if (post.socket === null) post.once("socket", onSocket)
    else onSocket(post.socket)
  }

  private postOf(head: ResponseHead, start: Buffer | undefined, body: Body): ClientRequestOptions {
    const { apiKey, basePath, client } = this.options
    const framing: Header =
      body.length === undefined
        ? ["Transfer-Encoding", "chunked"]
        : ["Content-Length", `${body.length + (start?.length ?? 0)}`]
    const dialect: Header =
      start === undefined
        ? ["X-PTTH-2LJYXWC4", Classic1.encodeResponseHead(head)]
        : ["X-PTTH-Version", version2]
    const headers: HeaderList = [
      ["Host", client.host],
      ["X-ApiKey", Redacted.value(apiKey)],
      dialect,
      framing,
    ]
    return { method: "POST", path: `${basePath}${responsePath}${this.offer.id}`, headers }
  }

  private onAnswer(response: IncomingMessage, sent: (() => void) | undefined): void {
    response.on("error", () => {})
    if (response.statusCode === 200 && this.written) {
      sent?.()
      this.leave = undefined
      let said = 0
      response.on("data", (chunk: Buffer) => {
        said += chunk.length
        if (said > maxAnswer) response.destroy()
      })
    }
    this.end()
  }

  private requestBody(): Body {
    const { body } = this.offer
    switch (body._tag) {
      case "None":
        return empty
      case "Inline":
        return fromBytes(body.bytes)
      case "Fetch":
        return this.fetched(body.length)
    }
  }

  private fetched(length: number | undefined): Body {
    return {
      length,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        const { apiKey, basePath, client } = this.options
        let flow: BodyFlow | undefined
        let open = true
        const broken = (detail: string): void => {
          if (!open) return
          open = false
          sink.fail(new BodyError({ reason: "cut", detail }))
        }
        const get = client.request({
          method: "GET",
          path: `${basePath}${requestPath}${this.offer.id}`,
          headers: [
            ["Host", client.host],
            ["X-ApiKey", Redacted.value(apiKey)],
          ],
        })
        get.on("error", () => {
          if (flow === undefined) broken("the relay could not be reached for the body")
        })
        get.on("response", (response) => {
          if (!open || response.statusCode !== 200) {
            response.destroy()
            return broken(`the relay answered ${response.statusCode} for the body`)
          }
          flow = NodeBody.fromIncoming(response, {
            length,
            abandon: () => response.destroy(),
          }).read(sink)
        })
        get.end()
        return {
          resume: () => flow?.resume(),
          cancel: () => {
            open = false
            if (flow === undefined) get.destroy()
            else flow.cancel()
          },
        }
      },
    }
  }
}
