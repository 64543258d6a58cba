/**
 * One exchange on a classic server: the handler gets the request, and its
 * response goes to the relay as the body of a POST (P5). The relay
 * answers that POST when the visitor has the whole response or has left (P7), so
 * an answer to an unfinished POST means that the visitor has left.
 */
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { BodyError, ExchangeError } from "../../protocol/Exchange.ts"
import { responseHasBody } from "../../protocol/http/Framing.ts"
import type { InterimHead, Offer, ResponseHead } from "../../protocol/Message.ts"
import {
  interimPath,
  maxAnswerBody,
  maxInterim,
  requestPath,
  responsePath,
} from "../../protocol/Wire.ts"
import { type Body, type BodyFlow, empty, fromBytes } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import type { ClientRequestOptions } from "../../transport/client/NodeClient.ts"
import type { FailureResponse } from "../../transport/mux/ServerStream.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"
import type { ClassicAnswers } from "./ClassicAnswers.ts"
import * as ClassicFields from "./ClassicFields.ts"

/** The relay, and who answers. */
export interface ClassicExchangeOptions extends BackendIdentity.Caller {
  readonly dialect: "classic 1" | "classic 2"
  /** Sends small responses together, if the relay takes that. */
  readonly answers: ClassicAnswers | undefined
  /** Whether the relay takes interim responses. */
  readonly takesInterim: boolean
  /** Whether what it asks for may still have an effect. */
  readonly mayCommit: () => boolean
  readonly handler: Handler
  /** Makes the response to a failure of the handler. */
  readonly failure: FailureResponse
  /** Called once, when the exchange is over. */
  readonly onOver: () => void
}

/** The longest answer to a POST that is read, in bytes. */
const maxAnswer = 64 * 1024

/** Answers one request; the returned function cancels the exchange. */
export const start = (offer: Offer, options: ClassicExchangeOptions): Cancel => {
  const exchange = new ClassicExchange(offer, options)
  exchange.run()
  return () => exchange.end()
}

const stoodStill = new ExchangeError({
  code: "PTTH_LINK_LOST",
  detail: "the server's process was paused before it could begin",
})

class ClassicExchange implements Reply {
  private readonly offer: Offer
  private readonly options: ClassicExchangeOptions
  private cancelHandler: Cancel | undefined
  private flow: BodyFlow | undefined
  /** Takes back what was sent or queued for the relay. */
  private withdraw: (() => void) | undefined
  /** How many interim responses were sent. */
  private informed = 0
  /** `Written`: the whole response is in the buffer of the connection. */
  private state: "Waiting" | "Responding" | "Written" | "Over" = "Waiting"

  constructor(offer: Offer, options: ClassicExchangeOptions) {
    this.offer = offer
    this.options = options
  }

  run(): void {
    const cancel = this.options.handler(this.offer.head, this.requestBody(), this)
    if (this.state === "Over") cancel()
    else this.cancelHandler = cancel
  }

  /** Ends the exchange in both directions. */
  end(): void {
    if (this.state === "Over") return
    this.state = "Over"
    this.flow?.cancel()
    this.cancelHandler?.()
    this.withdraw?.()
    this.options.onOver()
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.state !== "Waiting") return body.discard()
    this.state = "Responding"
    this.write(head, body, sent)
  }

  /** By a POST of its own, which the response does not wait for. */
  inform(head: InterimHead): void {
    const { basePath, client, takesInterim } = this.options
    if (this.state !== "Waiting" || !takesInterim || this.informed === maxInterim) return
    this.informed += 1
    const bytes = Classic2.encodeResponseHead(head)
    const headers: HeaderList = [
      ...ClassicFields.fieldsOf(this.options),
      ["Content-Length", `${bytes.length}`],
    ]
    const path = `${basePath}${interimPath}${this.offer.id}`
    client.sendWhole({ method: "POST", path, headers }, bytes, {
      response: (response) => {
        response.on("error", () => {})
        response.resume()
      },
      failed: () => {},
    })
  }

  commit(go: () => void): void {
    if (this.state !== "Waiting") return
    if (this.options.mayCommit()) go()
    else this.fail(stoodStill)
  }

  fail(error: ExchangeError): void {
    if (this.state !== "Waiting") return
    this.state = "Responding"
    const [head, body] = this.options.failure(this.offer.head, error)
    this.write(head, body, undefined)
  }

  private write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    if (!responseHasBody(this.offer.head.method, head.status)) {
      body.discard()
      return this.writeWhole(head, empty, noBytes, sent)
    }
    const { whole } = body
    if (whole === undefined || whole.length > maxAnswerBody) this.stream(head, body, sent)
    else this.writeWhole(head, body, whole, sent)
  }

  private writeWhole(
    head: ResponseHead,
    body: Body,
    bytes: Uint8Array,
    sent: (() => void) | undefined,
  ): void {
    const { answers, client } = this.options
    if (answers !== undefined && this.offer.body._tag !== "Fetch") {
      this.withdraw = answers.add({ id: this.offer.id, head, bytes }, (accepted) => {
        if (accepted && this.state !== "Over") sent?.()
        this.end()
      })
      return
    }
    const start = this.startOf(head)
    const content = start === undefined ? bytes : Buffer.concat([start, bytes])
    this.state = "Written"
    this.withdraw = client.sendWhole(this.postOf(head, start, body), content, {
      response: (response) => this.onAnswer(response, sent),
      failed: () => this.end(),
    })
  }

  private stream(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const start = this.startOf(head)
    const post = this.options.client.request(this.postOf(head, start, body))
    this.withdraw = () => post.destroy()
    post.on("error", () => this.end())
    post.on("response", (response) => this.onAnswer(response, sent))
    if (start !== undefined) post.write(start)
    else post.flushHeaders()
    this.flow = NodeBody.writeTo(body, post, {
      ended: () => {
        if (this.state === "Responding") this.state = "Written"
      },
      failed: () => this.breakOff(post),
    })
  }

  /** The response head as classic 2 puts it before the body; classic 1 has it in a field. */
  private startOf(head: ResponseHead): Buffer | undefined {
    return this.options.dialect === "classic 2" ? Classic2.encodeResponseHead(head) : undefined
  }

  /** The body broke off. The relay has to notice, so the head of the POST goes out before the connection is closed. */
  private breakOff(post: ClientRequest): void {
    // In the next turn Node has written the head; an empty write ends behind it, also where the
    // connection or its TLS has yet to begin.
    const cut = (socket: Socket): void => {
      setImmediate(() => socket.write(noBytes, () => this.end()))
    }
    if (post.socket === null) post.once("socket", cut)
    else cut(post.socket)
  }

  private postOf(head: ResponseHead, start: Buffer | undefined, body: Body): ClientRequestOptions {
    const { options } = this
    const framing: Header =
      body.length === undefined
        ? ["Transfer-Encoding", "chunked"]
        : ["Content-Length", `${body.length + (start?.length ?? 0)}`]
    const fields =
      start === undefined
        ? ClassicFields.fieldsOf(options, ["X-PTTH-2LJYXWC4", Classic1.encodeResponseHead(head)])
        : ClassicFields.fieldsOf(options)
    const path = `${options.basePath}${responsePath}${this.offer.id}`
    return { method: "POST", path, headers: [...fields, framing] }
  }

  private onAnswer(response: IncomingMessage, sent: (() => void) | undefined): void {
    response.on("error", () => {})
    if (response.statusCode === 200 && this.state === "Written") {
      sent?.()
      this.withdraw = undefined
      let received = 0
      response.on("data", (chunk: Buffer) => {
        received += chunk.length
        if (received > maxAnswer) response.destroy()
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
        return this.fetchedBody(body.length)
    }
  }

  /** A body that is requested from the relay at the first read. */
  private fetchedBody(length: number | undefined): Body {
    return {
      length,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        const { basePath, client } = this.options
        let flow: BodyFlow | undefined
        let open = true
        const fail = (detail: string): void => {
          if (!open) return
          open = false
          sink.fail(new BodyError({ reason: "cut", detail }))
        }
        const get = client.request({
          method: "GET",
          path: `${basePath}${requestPath}${this.offer.id}`,
          headers: BackendIdentity.callerFields(this.options),
        })
        get.on("error", () => {
          if (flow === undefined) fail("the relay could not be reached for the body")
        })
        get.on("response", (response) => {
          if (!open || response.statusCode !== 200) {
            response.destroy()
            return fail(`the relay answered ${response.statusCode} for the body`)
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

const noBytes = new Uint8Array(0)
