/**
 * A server of classic 1, written from protocol.md alone: it shares no code
 * with PTTH, so that a mistake cannot hide by being made at both ends. It
 * behaves as the published original does: one listen at a time, the next one
 * at once, one POST per request, all of them concurrently. Every quirk of the
 * original is a thing that a test can tell it to do.
 */
import * as http from "node:http"
import * as net from "node:net"
import type { PeerValue } from "./PeerMsgPack.ts"
import * as PeerMsgPack from "./PeerMsgPack.ts"
import { Watch } from "./Watch.ts"

/** A request as the relay hands it over. */
export interface PeerRequest {
  readonly id: string
  readonly method: string
  readonly uri: string
  /** Names as they came; each value a byte string. */
  readonly headers: ReadonlyMap<string, string>
}

/** What a listen was answered with. */
export interface PeerListenAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  /** Whether the answer came to its end. A listen's error answer that does not ends the original's process. */
  readonly complete: boolean
  /** Whether the body is UTF-8. An error answer that is not ends the original's process. */
  readonly utf8: boolean
  /** What it hands over; none unless the status is 200. */
  readonly requests: ReadonlyArray<PeerRequest>
}

/** A listen that is on the way. */
export interface PeerListen {
  readonly answer: Promise<PeerListenAnswer>
  readonly isAnswered: () => boolean
  /** Breaks its connection. */
  readonly abort: () => void
}

/** What the relay said to a POST (P7). */
export interface PeerPostAnswer {
  readonly status: number
  readonly text: string
}

/** How a response is posted; unless told otherwise 200, without fields, whole and framed by its length. */
export interface PeerResponse {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly chunked?: boolean
  /** The `Content-Length` of the POST where it is not the body's own. */
  readonly promised?: number
  /** `false`: the body is not ended and the connection stays open. */
  readonly end?: boolean
  /** Another key than the peer's, or `null` for none. */
  readonly key?: string | null
  /** The value of the magic header where it is not the encoded head, or `null` for none. */
  readonly magic?: string | null
}

/** Whom the peer serves as. */
export interface ClassicServerPeerOptions {
  /** With or without the prefix; paths are put behind it as they are. */
  readonly relayUrl: string
  readonly name: string
  readonly key: string | undefined
}

/** The value of the magic header. */
export const magicOf = (status: number, headers: Readonly<Record<string, string>>): string => {
  const index = PeerMsgPack.peerStatuses.indexOf(status)
  if (index < 0) throw new Error(`classic 1 has no status ${status}`)
  const head: PeerValue = [
    new Map<PeerValue, PeerValue>([[index, null]]),
    PeerMsgPack.packedHeaders(headers),
  ]
  return PeerMsgPack.pack(head).toString("base64")
}

const readRequest = (wrapped: PeerValue): PeerRequest => {
  if (!Array.isArray(wrapped) || wrapped.length !== 2)
    throw new Error("a wrapped request is no pair")
  const [id, request] = wrapped as ReadonlyArray<PeerValue>
  if (typeof id !== "string" || !/^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))
    throw new Error("an id is no ULID")
  if (!Array.isArray(request) || request.length !== 3) throw new Error("a request is no triple")
  const [variant, uri, headers] = request as ReadonlyArray<PeerValue>
  const method = PeerMsgPack.peerMethods[PeerMsgPack.unpackedVariant(variant)]
  if (method === undefined) throw new Error("a method is not listed")
  if (typeof uri !== "string" || !uri.startsWith("/")) throw new Error("a uri is no path")
  return { id, method, uri, headers: PeerMsgPack.unpackedHeaders(headers) }
}

const isUtf8 = (bytes: Buffer): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** One POST on a connection of its own, byte by byte in the test's hands. */
export class PeerPost {
  /** What the relay said; rejects if the connection ends first. */
  readonly answer: Promise<PeerPostAnswer>
  /** What the relay has said so far. */
  answered: PeerPostAnswer | undefined
  /** The relay has ended its side of the connection. */
  closedByRelay = false
  private readonly socket: net.Socket
  private readonly chunked: boolean
  private readonly watch = new Watch()

  constructor(port: number, host: string, head: string, chunked: boolean) {
    this.chunked = chunked
    this.socket = net.connect({ port, host, allowHalfOpen: true })
    this.socket.setNoDelay(true)
    this.socket.on("error", () => {})
    this.socket.on("drain", () => this.watch.changed())
    this.answer = this.readAnswer()
    this.answer.catch(() => {})
    this.socket.write(head)
  }

  private readAnswer(): Promise<PeerPostAnswer> {
    return new Promise((resolve, reject) => {
      let seen = Buffer.alloc(0)
      this.socket.on("data", (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk])
        if (this.answered !== undefined) return
        const answer = parseAnswer(seen)
        if (answer === undefined) return
        this.answered = answer
        this.watch.changed()
        resolve(answer)
      })
      const gone = (): void => {
        this.closedByRelay = true
        this.watch.changed()
        reject(
          new Error(`the relay closed the POST after ${JSON.stringify(seen.toString("utf8"))}`),
        )
      }
      this.socket.on("end", gone)
      this.socket.on("close", gone)
    })
  }

  /** Sends bytes of the body; `false` means that they pile up here. */
  write(bytes: string | Buffer): boolean {
    const body = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes
    if (body.length === 0) return true
    if (!this.chunked) return this.socket.write(body)
    this.socket.write(`${body.length.toString(16)}\r\n`)
    this.socket.write(body)
    return this.socket.write("\r\n")
  }

  /** Ends the body, not the connection. */
  end(): void {
    if (this.chunked) this.socket.write("0\r\n\r\n")
  }

  /** Bytes that the relay has not taken yet and that wait in this process. */
  get unsent(): number {
    return this.socket.writableLength
  }

  /** The process dies: the connection breaks. */
  die(): void {
    this.socket.resetAndDestroy()
  }

  /** Resolves once the relay has ended its side of the connection. */
  closed(): Promise<void> {
    return this.watch.until("the relay closes the POST's connection", () => this.closedByRelay)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** A final answer with a `Content-Length`, if all of it is here. */
const parseAnswer = (bytes: Buffer): PeerPostAnswer | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = bytes.subarray(0, end).toString("latin1")
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
  if (status < 200) return parseAnswer(bytes.subarray(end + 4))
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? "0")
  const body = bytes.subarray(end + 4)
  return body.length < length
    ? undefined
    : { status, text: body.subarray(0, length).toString("utf8") }
}

/** See the file's header. */
export class ClassicServerPeer {
  /** Answers to all listens, in order. */
  readonly answers: Array<PeerListenAnswer> = []
  /** Requests that were handed over and not taken by the test. */
  readonly waiting: Array<PeerRequest> = []
  /** An error answer of the relay would have ended the original's process. */
  died = false
  listensInFlight = 0
  private readonly options: ClassicServerPeerOptions
  private readonly relay: URL
  private readonly agent = new http.Agent({ keepAlive: true })
  private readonly posts = new Set<PeerPost>()
  private readonly watch = new Watch()
  private current: PeerListen | undefined
  private stopped = false

  constructor(options: ClassicServerPeerOptions) {
    this.options = options
    this.relay = new URL(options.relayUrl)
  }

  private path(rest: string): string {
    return `${this.relay.pathname.replace(/\/$/, "")}${rest}`
  }

  /** Sends one listen (P1). */
  listenOnce(): PeerListen {
    const { key, name } = this.options
    let answered = false
    this.listensInFlight += 1
    const request = http.request({
      agent: this.agent,
      host: this.relay.hostname,
      port: this.relay.port,
      path: this.path(`/http_listen/${name}`),
      headers: key === undefined ? {} : { "X-ApiKey": key },
    })
    const answer = new Promise<PeerListenAnswer>((resolve, reject) => {
      request.on("error", reject)
      request.on("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", () => {})
        response.on("close", () => {
          const body = Buffer.concat(chunks)
          const status = response.statusCode ?? 0
          const { complete, headers } = response
          try {
            const requests = status === 200 ? readBatch(body) : []
            resolve({ status, headers, body, complete, utf8: isUtf8(body), requests })
          } catch (error) {
            reject(error)
          }
        })
      })
      request.end()
    }).then(
      (result) => {
        answered = true
        this.listensInFlight -= 1
        this.answers.push(result)
        if (result.status >= 400 && !(result.complete && result.utf8)) this.died = true
        this.waiting.push(...result.requests)
        this.watch.changed()
        return result
      },
      (error: Error) => {
        this.listensInFlight -= 1
        this.watch.changed()
        throw error
      },
    )
    answer.catch(() => {})
    return { answer, isAnswered: () => answered, abort: () => request.destroy() }
  }

  /** Listens and listens again at once, until it is stopped or refused. */
  async run(): Promise<void> {
    while (!this.stopped) {
      this.current = this.listenOnce()
      const answer = await this.current.answer.catch(() => undefined)
      if (answer === undefined || (answer.status !== 200 && answer.status !== 204)) return
    }
  }

  /** The next request that was handed over, whichever listen brought it. */
  async take(): Promise<PeerRequest> {
    await this.until("the relay hands a request over", () => this.waiting.length > 0)
    return this.waiting.shift() as PeerRequest
  }

  /** Starts the answer to a request (P5). */
  respond(id: string, response: PeerResponse = {}): PeerPost {
    const { body = "", headers = {}, status = 200 } = response
    const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body
    const key = response.key === undefined ? this.options.key : response.key
    const magic = response.magic === undefined ? magicOf(status, headers) : response.magic
    const chunked = response.chunked === true
    const lines = [
      `POST ${this.path(`/http_response/${id}`)} HTTP/1.1`,
      `Host: ${this.relay.host}`,
      ...(key === null || key === undefined ? [] : [`X-ApiKey: ${key}`]),
      ...(magic === null ? [] : [`X-PTTH-2LJYXWC4: ${magic}`]),
      chunked
        ? "Transfer-Encoding: chunked"
        : `Content-Length: ${response.promised ?? bytes.length}`,
    ]
    const post = new PeerPost(
      Number(this.relay.port),
      this.relay.hostname,
      `${lines.join("\r\n")}\r\n\r\n`,
      chunked,
    )
    this.posts.add(post)
    post.write(bytes)
    if (response.end !== false) post.end()
    return post
  }

  /** Answers the next request and waits for what the relay says. */
  async serve(
    response: PeerResponse = {},
  ): Promise<{ request: PeerRequest; answer: PeerPostAnswer }> {
    const request = await this.take()
    return { request, answer: await this.respond(request.id, response).answer }
  }

  /** Resolves as soon as `holds`, which is looked at whenever a listen is answered. */
  until(what: string, holds: () => boolean): Promise<void> {
    return this.watch.until(what, holds)
  }

  /** Takes no more requests, as a process that dies: its listen breaks. */
  stopListening(): void {
    this.stopped = true
    this.current?.abort()
  }

  /** Breaks every connection. */
  close(): void {
    this.stopListening()
    for (const post of this.posts) post.close()
    this.agent.destroy()
  }
}

const readBatch = (body: Buffer): ReadonlyArray<PeerRequest> => {
  const batch = PeerMsgPack.unpack(body)
  if (!Array.isArray(batch) || batch.length === 0)
    throw new Error("a listen answer is no array of requests")
  return (batch as ReadonlyArray<PeerValue>).map(readRequest)
}
