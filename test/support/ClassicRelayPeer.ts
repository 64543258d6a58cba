/**
 * A relay of classic 1, written from protocol.md alone: it shares no code with
 * PTTH. As the published original does, it lets a second listen of a name
 * replace the first, which fails with 500, and it knows nothing of later
 * dialects. It notes what it sees, for tests to look at.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import type { PeerValue } from "./PeerMsgPack.ts"
import * as PeerMsgPack from "./PeerMsgPack.ts"
import { Watch } from "./Watch.ts"

const prefix = "/7ZSFUKGV"

/** A request of a visitor, as a test makes it up. */
export interface PeerVisit {
  readonly method?: "GET" | "HEAD"
  readonly uri: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A listen that was seen. */
export interface SeenListen {
  readonly path: string
  readonly key: string | undefined
  /** The status that it was answered with. */
  readonly status: number | undefined
  /** The listener gave it up before it was answered. */
  readonly gone: boolean
}

/** How listens are answered: as they should be, or with an error. */
export type PeerRelayMode = "normal" | { readonly status: number; readonly text: string }

/** A response head as it came in the magic header. */
export interface SeenHead {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /** Of the POST itself. */
  readonly framing: { readonly length: string | undefined; readonly coding: string | undefined }
}

/** One visitor's exchange, in the test's hands. */
export class PeerExchange {
  readonly id: string
  head: SeenHead | undefined
  /** What came of the body so far. */
  received = 0
  /** The POST came to its end. */
  ended = false
  /** The POST broke off. */
  aborted = false
  /** How many POSTs came for this id. */
  posts = 0
  private readonly chunks: Array<Buffer> = []
  private readonly watch: Watch
  private reading: boolean
  private request: http.IncomingMessage | undefined
  private response: http.ServerResponse | undefined

  constructor(id: string, watch: Watch, reading: boolean) {
    this.id = id
    this.watch = watch
    this.reading = reading
  }

  /** The POST is here. */
  begin(head: SeenHead, request: http.IncomingMessage, response: http.ServerResponse): void {
    this.head = head
    this.request = request
    this.response = response
    request.on("data", (chunk: Buffer) => {
      this.received += chunk.length
      this.chunks.push(chunk)
      this.watch.changed()
    })
    request.on("end", () => {
      this.ended = true
      if (!response.headersSent) say(response, 200, "StreamFinished\n")
      this.watch.changed()
    })
    request.on("error", () => {})
    request.on("close", () => {
      if (!this.ended) this.aborted = true
      this.watch.changed()
    })
    if (!this.reading) request.pause()
    this.watch.changed()
  }

  /** The visitor reads on. */
  read(): void {
    this.reading = true
    this.request?.resume()
  }

  /** The visitor leaves: the POST is answered before its end. */
  leave(): void {
    if (this.response !== undefined) say(this.response, 200, "ClientDisconnected\n")
  }

  /** Resolves as soon as `holds`. */
  until(what: string, holds: (exchange: PeerExchange) => boolean): Promise<void> {
    return this.watch.until(what, () => holds(this))
  }

  /** Resolves with the head. */
  async responseHead(): Promise<SeenHead> {
    await this.until("the server answers", () => this.head !== undefined)
    return this.head as SeenHead
  }

  /** Resolves with the whole body. */
  async body(): Promise<Buffer> {
    await this.until("the response comes to its end", () => this.ended || this.aborted)
    if (this.aborted) throw new Error("the server broke the response off")
    return Buffer.concat(this.chunks)
  }
}

const say = (response: http.ServerResponse, status: number, text: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain",
    "Content-Length": Buffer.byteLength(text),
  })
  response.end(text)
}

interface Parked {
  readonly name: string
  readonly response: http.ServerResponse
}

/** See the file's header. */
export class ClassicRelayPeer {
  readonly listens: Array<SeenListen> = []
  /** Every request that was neither a listen nor a response of a known form. */
  readonly strays: Array<string> = []
  /** Error answers to POSTs: what was wrong with them. */
  readonly badPosts: Array<string> = []
  /** The most listens that were on the way at once; more than one is a breach. */
  mostInFlight = 0
  /** Listens that failed with 500 because another one of the name came. */
  replaced = 0
  mode: PeerRelayMode = "normal"
  private readonly exchanges = new Map<string, PeerExchange>()
  private readonly queue: Array<{ readonly id: string; readonly visit: PeerVisit }> = []
  private readonly watch = new Watch()
  private readonly server: http.Server
  private readonly key: string
  private parked: Parked | undefined
  private inFlight = 0
  private nextId = 0
  private port = 0

  private constructor(key: string) {
    this.key = key
    this.server = http.createServer((request, response) => this.onRequest(request, response))
    this.server.keepAliveTimeout = 60_000
  }

  /** A relay on a free port that accepts one key. */
  static async start(options: { readonly key: string }): Promise<ClassicRelayPeer> {
    const relay = new ClassicRelayPeer(options.key)
    await relay.up()
    return relay
  }

  /** Where it is, without the prefix. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Goes up, where it was before if it was. */
  up(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject)
      this.server.listen(this.port, "127.0.0.1", () => {
        this.server.off("error", reject)
        this.port = (this.server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  /** Goes down: connections break, and none is taken. */
  down(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.server.listening) return resolve()
      this.server.close(() => resolve())
      this.server.closeAllConnections()
    })
  }

  /** Visitors come at the same moment: one listen answer takes them all. */
  visit(
    visits: ReadonlyArray<PeerVisit>,
    options?: { readonly reading?: boolean },
  ): ReadonlyArray<PeerExchange> {
    const made = visits.map((visit) => {
      this.nextId += 1
      const id = `01M82KGWT5${String(this.nextId).padStart(16, "0")}`
      const exchange = new PeerExchange(id, this.watch, options?.reading !== false)
      this.exchanges.set(id, exchange)
      this.queue.push({ id, visit })
      return exchange
    })
    this.flush()
    return made
  }

  /** One visitor comes. */
  visitOne(visit: PeerVisit, options?: { readonly reading?: boolean }): PeerExchange {
    return this.visit([visit], options)[0] as PeerExchange
  }

  /** Answers the parked listen with bytes of the test's own. */
  answerListen(status: number, bytes: string | Buffer): void {
    const { parked } = this
    if (parked === undefined) throw new Error("there is no listen to answer")
    this.parked = undefined
    parked.response.writeHead(status, { "Content-Length": Buffer.byteLength(bytes) })
    parked.response.end(bytes)
  }

  /** The parked listen's time is over. */
  expire(): void {
    const { parked } = this
    if (parked === undefined) throw new Error("there is no listen to expire")
    this.parked = undefined
    parked.response.writeHead(204)
    parked.response.end()
  }

  /** Whether a listen is parked. */
  get isParked(): boolean {
    return this.parked !== undefined
  }

  /** Resolves as soon as `holds`, which is looked at whenever anything comes or goes. */
  until(what: string, holds: (relay: ClassicRelayPeer) => boolean): Promise<void> {
    return this.watch.until(what, () => holds(this))
  }

  private onRequest(request: http.IncomingMessage, response: http.ServerResponse): void {
    const path = request.url ?? ""
    const listen = new RegExp(`^${prefix}/http_listen/([^/]+)$`).exec(path)
    const respond = new RegExp(`^${prefix}/http_response/([^/]+)$`).exec(path)
    if (listen !== null && request.method === "GET")
      this.onListen(listen[1] as string, request, response)
    else if (respond !== null && request.method === "POST")
      this.onRespond(respond[1] as string, request, response)
    else {
      this.strays.push(`${request.method} ${path}`)
      say(response, 404, "Not found\n")
    }
    this.watch.changed()
  }

  private onListen(
    name: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void {
    const key = request.headers["x-apikey"]
    const at = this.listens.length
    const seen = { path: request.url ?? "", key: typeof key === "string" ? key : undefined }
    this.listens.push({ ...seen, status: undefined, gone: false })
    this.inFlight += 1
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight)
    response.on("close", () => {
      this.inFlight -= 1
      const gone = !response.writableFinished
      this.listens[at] = { ...seen, status: gone ? undefined : response.statusCode, gone }
      if (this.parked?.response === response) this.parked = undefined
      this.watch.changed()
    })
    if (seen.key === undefined) return say(response, 403, "Can't run server without an API key\n")
    if (this.mode !== "normal") return say(response, this.mode.status, this.mode.text)
    if (seen.key !== this.key) return say(response, 401, "Bad X-ApiKey\n")
    const before = this.parked
    if (before !== undefined && before.name === name) {
      this.replaced += 1
      this.parked = undefined
      say(before.response, 500, "Server error")
    }
    this.parked = { name, response }
    this.flush()
  }

  private flush(): void {
    const { parked } = this
    if (parked === undefined || this.queue.length === 0) return
    this.parked = undefined
    const batch = this.queue.splice(0).map(({ id, visit }): PeerValue => {
      const method = new Map<PeerValue, PeerValue>([[visit.method === "HEAD" ? 1 : 0, null]])
      return [id, [method, visit.uri, PeerMsgPack.packedHeaders(visit.headers ?? {})]]
    })
    const bytes = PeerMsgPack.pack(batch)
    parked.response.writeHead(200, { "Content-Length": bytes.length })
    parked.response.end(bytes)
  }

  private onRespond(
    id: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void {
    const refuse = (status: number, text: string): void => {
      this.badPosts.push(text)
      say(response, status, `${text}\n`)
    }
    const exchange = this.exchanges.get(id)
    if (exchange === undefined) return refuse(400, "Request ID not found in response_rendezvous")
    exchange.posts += 1
    if (exchange.posts > 1) return refuse(400, "Request ID not found in response_rendezvous")
    if (request.headers["x-apikey"] !== this.key) return refuse(401, "Bad X-ApiKey")
    try {
      exchange.begin(readHead(request), request, response)
    } catch (error) {
      refuse(500, `${error}`)
    }
  }
}

const readHead = (request: http.IncomingMessage): SeenHead => {
  const magic = request.headers["x-ptth-2ljyxwc4"]
  if (typeof magic !== "string") throw new Error("the magic header is missing")
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(magic) || magic.length % 4 !== 0)
    throw new Error("the magic header is no padded base64")
  const head = PeerMsgPack.unpack(Buffer.from(magic, "base64"))
  if (!Array.isArray(head) || head.length !== 2) throw new Error("a response head is no pair")
  const [variant, headers] = head as ReadonlyArray<PeerValue>
  const status = PeerMsgPack.peerStatuses[PeerMsgPack.unpackedVariant(variant)]
  if (status === undefined) throw new Error("a status is not listed")
  return {
    status,
    headers: PeerMsgPack.unpackedHeaders(headers),
    framing: {
      length: request.headers["content-length"],
      coding: request.headers["transfer-encoding"],
    },
  }
}
