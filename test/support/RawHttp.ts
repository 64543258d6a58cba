/**
 * An HTTP/1.1 client for tests that shares no code with Node's or ours: it
 * sends the bytes that it is told to, and shows what comes back as it was on
 * the wire: order, case and repetition of fields, interim responses, framing,
 * trailers, and whether the connection ended or was reset.
 */
import * as net from "node:net"
import { onTestFinished } from "@effect/vitest"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import { patienceMillis } from "./Watch.ts"

/** Where to connect. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** How the body of a response was delimited. */
export type RawFraming = "none" | "length" | "chunked" | "close"

/** A response head as it was on the wire. */
export interface RawHead {
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly headers: HeaderList
  /** The first value of a field, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** All values of a field, by its lower-case name. */
  readonly all: (name: string) => ReadonlyArray<string>
}

/** A whole response. */
export interface RawResponse extends RawHead {
  /** 1xx responses that came before. */
  readonly interim: ReadonlyArray<RawHead>
  readonly framing: RawFraming
  readonly body: Buffer
  readonly text: string
  readonly trailers: HeaderList
}

/** The connection ended before what was waited for. */
export class BrokenError extends Error {
  readonly how: "end" | "reset"
  /** Body bytes that had come. */
  readonly received: number

  constructor(how: "end" | "reset", received: number) {
    super(`the connection was ${how === "end" ? "ended" : "reset"} too early`)
    this.how = how
    this.received = received
  }
}

/** Limits a wait, so that a test fails with a reason instead of a timeout. */
export const soon = <A>(what: string, promise: Promise<A>): Promise<A> => {
  let guard: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    guard = setTimeout(() => reject(new Error(`this never came true: ${what}`)), patienceMillis)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(guard))
}

const headOf = (text: string): RawHead => {
  const [start = "", ...lines] = text.split("\r\n")
  const match = /^HTTP\/(\d\.\d) (\d{3}) ?(.*)$/s.exec(start)
  if (match === null) throw new Error(`no status line: ${JSON.stringify(start)}`)
  const headers = fieldsOf(lines)
  return {
    version: match[1] as string,
    status: Number(match[2]),
    reason: match[3] as string,
    headers,
    header: (name) => Headers.first(headers, name),
    all: (name) => Headers.all(headers, name),
  }
}

const fieldsOf = (lines: ReadonlyArray<string>): HeaderList =>
  lines.map((line) => {
    const colon = line.indexOf(":")
    if (colon <= 0) throw new Error(`no field: ${JSON.stringify(line)}`)
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]*|[ \t]*$/g, "")] as const
  })

/** A connection in the test's hands. It takes from the socket only what is asked for. */
export class RawHttp {
  readonly socket: net.Socket
  private buffer: Buffer = Buffer.alloc(0)
  private over: "end" | "reset" | undefined
  private wake: () => void = () => {}

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    const woken = (): void => this.wake()
    const overBy = (how: "end" | "reset") => (): void => {
      this.over ??= how
      this.wake()
    }
    socket.on("readable", woken)
    socket.on("end", overBy("end"))
    socket.on("error", overBy("reset"))
    socket.on("close", overBy("reset"))
  }

  /** Connects; the connection is destroyed when the test is over. */
  static connect(to: Address): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: to.host, port: to.port, allowHalfOpen: true })
      onTestFinished(() => {
        socket.destroy()
      })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new RawHttp(socket))
      })
    })
  }

  /** Sends bytes; characters of a text stand for one byte each. Resolves once they are out of this process. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, () =>
        resolve(),
      )
    })
  }

  /** Sends a request line and fields, and then a body as it is given. */
  async send(line: string, fields: HeaderList = [], body: string | Uint8Array = ""): Promise<void> {
    const head = [line, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""]
    const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body
    await this.write(Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), bytes]))
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Whether the other side has ended the connection, as far as this has been read. */
  get isOver(): boolean {
    return this.over !== undefined
  }

  /** Adds what is there to the buffer, waiting for something if need be; `false` at the end. */
  private async fill(): Promise<boolean> {
    for (;;) {
      const chunk = this.socket.read() as Buffer | null
      if (chunk !== null) {
        this.buffer = this.buffer.length === 0 ? chunk : Buffer.concat([this.buffer, chunk])
        return true
      }
      if (this.over !== undefined) return false
      await soon(
        "more bytes come",
        new Promise<void>((resolve) => {
          this.wake = resolve
        }),
      )
    }
  }

  private broken(received = 0): BrokenError {
    return new BrokenError(this.over === "end" ? "end" : "reset", received)
  }

  private take(length: number): Buffer {
    const taken = this.buffer.subarray(0, length)
    this.buffer = this.buffer.subarray(length)
    return taken
  }

  /** Everything up to a mark, which is taken off too. */
  private async through(mark: string): Promise<string> {
    for (;;) {
      const at = this.buffer.indexOf(mark, 0, "latin1")
      if (at >= 0) {
        const taken = this.take(at).toString("latin1")
        this.take(mark.length)
        return taken
      }
      if (!(await this.fill())) throw this.broken()
    }
  }

  /** The next response head, interim ones included. */
  async readHead(): Promise<RawHead> {
    return headOf(await this.readHeadText())
  }

  /** Everything up to the empty line that ends a head, as a text of Latin-1. */
  readHeadText(): Promise<string> {
    return this.through("\r\n\r\n")
  }

  /** Some bytes of what comes next, as soon as there are any; empty at the end. */
  async readSome(): Promise<Buffer> {
    if (this.buffer.length === 0) await this.fill()
    return this.take(this.buffer.length)
  }

  /** Exactly so many bytes. */
  async readBytes(length: number): Promise<Buffer> {
    const parts: Array<Buffer> = []
    let left = length
    while (left > 0) {
      if (this.buffer.length === 0 && !(await this.fill())) throw this.broken(length - left)
      const part = this.take(Math.min(left, this.buffer.length))
      left -= part.length
      parts.push(part)
    }
    return Buffer.concat(parts)
  }

  /** One chunk of a chunked body; empty for the last one, whose trailers are yet to be read. */
  async readChunk(): Promise<Buffer> {
    const size = Number.parseInt(await this.through("\r\n"), 16)
    if (Number.isNaN(size)) throw new Error("no chunk size")
    if (size === 0) return Buffer.alloc(0)
    const chunk = await this.readBytes(size)
    await this.through("\r\n")
    return chunk
  }

  private async readTrailers(): Promise<HeaderList> {
    const lines: Array<string> = []
    for (;;) {
      const line = await this.through("\r\n")
      if (line === "") return fieldsOf(lines)
      lines.push(line)
    }
  }

  /** The next whole response to a request with this method. A {@link BrokenError} tells how much came. */
  async readResponse(method = "GET"): Promise<RawResponse> {
    const interim: Array<RawHead> = []
    let head = await this.readHead()
    while (head.status < 200) {
      interim.push(head)
      head = await this.readHead()
    }
    return { ...(await this.readBodyOf(head, method)), interim }
  }

  /** The body that follows a head. */
  async readBodyOf(head: RawHead, method = "GET"): Promise<RawResponse> {
    const finish = (framing: RawFraming, body: Buffer, trailers: HeaderList = []): RawResponse => ({
      ...head,
      interim: [],
      framing,
      body,
      text: body.toString("utf8"),
      trailers,
    })
    const codings = head.all("transfer-encoding")
    const lengths = head.all("content-length")
    if (codings.length + lengths.length > 1) throw new Error("the response is framed twice")
    if (method === "HEAD" || head.status === 204 || head.status === 304)
      return finish("none", Buffer.alloc(0))
    if (lengths.length === 1) {
      if (!/^\d+$/.test(lengths[0] as string)) throw new Error("Content-Length is no number")
      return finish("length", await this.readBytes(Number(lengths[0])))
    }
    const parts: Array<Buffer> = []
    if (codings.length === 1) {
      if (codings[0] !== "chunked") throw new Error(`coded as ${codings[0]}`)
      try {
        for (;;) {
          const chunk = await this.readChunk()
          if (chunk.length === 0) break
          parts.push(chunk)
        }
        const trailers = await this.readTrailers()
        return finish("chunked", Buffer.concat(parts), trailers)
      } catch (error) {
        if (!(error instanceof BrokenError)) throw error
        const received = parts.reduce((sum, part) => sum + part.length, error.received)
        throw new BrokenError(error.how, received)
      }
    }
    const { bytes, how } = await this.readRest()
    if (how === "reset") throw new BrokenError(how, bytes.length)
    return finish("close", bytes)
  }

  /** Everything until the other side ends the connection, and how it does so. */
  async readRest(): Promise<{ readonly bytes: Buffer; readonly how: "end" | "reset" }> {
    const parts: Array<Buffer> = []
    do {
      parts.push(this.take(this.buffer.length))
    } while (await this.fill())
    return { bytes: Buffer.concat(parts), how: this.over === "end" ? "end" : "reset" }
  }
}

/** Bytes as one chunk of a chunked body. */
export const chunkOf = (bytes: string | Uint8Array): Buffer => {
  const content = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes
  return Buffer.concat([
    Buffer.from(`${content.length.toString(16)}\r\n`, "latin1"),
    content,
    Buffer.from("\r\n", "latin1"),
  ])
}

/** The end of a chunked body, with trailer fields. */
export const lastChunk = (trailers: HeaderList = []): string =>
  `0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`
