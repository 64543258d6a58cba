/**
 * Request handlers for tests, and a response body that a test sends by hand.
 */
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import type { RequestHead } from "../../../src/protocol/Message.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { Watch } from "../Watch.ts"

/** One request as a test's handler sees it. */
export interface Call {
  readonly head: RequestHead
  /** The body itself, to be read by the test. */
  readonly body: Body.Body
  /** Reads the whole body; rejects if it breaks off. */
  readonly read: () => Promise<Buffer>
  /** Resolves when the visitor has left or the exchange was given up. */
  readonly cancelled: Promise<void>
  readonly isCancelled: () => boolean
}

/** What a test's handler answers; unless told otherwise 200 and nothing. */
export interface Answer {
  readonly status?: number
  readonly headers?: HeaderList
  readonly body?: string | Uint8Array | Body.Body
  /** Called once the whole response has gone to the visitor. */
  readonly sent?: () => void
}

/** A handler as a function; one that never resolves never answers. */
export const handler =
  (answer: (call: Call) => Answer | Promise<Answer>): Handler =>
  (head, body, reply) => {
    let cancelled = false
    let cancel = (): void => {}
    const cancellation = new Promise<void>((resolve) => {
      cancel = () => {
        cancelled = true
        resolve()
      }
    })
    const call: Call = {
      head,
      body,
      read: () => readWhole(body),
      cancelled: cancellation,
      isCancelled: () => cancelled,
    }
    void Promise.resolve(answer(call)).then(({ body: given = "", headers, sent, status }) => {
      const answerBody =
        typeof given === "string"
          ? Body.fromText(given)
          : given instanceof Uint8Array
            ? Body.fromBytes(given)
            : given
      reply.respond({ status: status ?? 200, headers: headers ?? [] }, answerBody, sent)
    })
    return cancel
  }

/** Answers with the request's body, and with its method and target in `X-Method` and `X-Target`. */
export const echo: Handler = handler(async (call) => ({
  headers: [
    ["X-Method", call.head.method],
    ["X-Target", call.head.target],
  ],
  body: await call.read(),
}))

/** A promise that never resolves. */
export const never: Promise<never> = new Promise(() => {})

/** Reads a body to its end; rejects with its `BodyError`. */
export const readWhole = (body: Body.Body): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Uint8Array> = []
    body.read({
      data: (chunk) => {
        chunks.push(chunk)
        return true
      },
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    })
  })

/** A body that a test feeds by hand. */
export class FedBody implements Body.Body {
  readonly length: number | undefined
  readonly whole = undefined
  /** Bytes that were taken. */
  fed = 0
  /** The reader wants no more, or never wanted any. */
  cancelled = false
  private sink: Body.BodySink | undefined
  private wanted = false
  private readonly watch = new Watch()

  constructor(length?: number) {
    this.length = length
  }

  read(sink: Body.BodySink): Body.BodyFlow {
    this.sink = sink
    queueMicrotask(() => {
      this.wanted = true
      this.watch.changed()
    })
    return {
      resume: () => {
        this.wanted = true
        this.watch.changed()
      },
      cancel: () => this.discard(),
    }
  }

  discard(): void {
    this.cancelled = true
    this.watch.changed()
  }

  /** Whether bytes may be fed now. */
  get isWanted(): boolean {
    return this.wanted && !this.cancelled
  }

  /** Feeds bytes, whether they are wanted or not; `false` means: no more for now. */
  feed(bytes: string | Uint8Array): boolean {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes
    this.fed += chunk.length
    this.wanted = this.sink?.data(chunk) ?? false
    return this.wanted
  }

  end(trailers: HeaderList = []): void {
    this.sink?.end(trailers)
  }

  /** The body breaks off. */
  fail(): void {
    this.sink?.fail(new BodyError({ reason: "cut", detail: "the test cut it" }))
  }

  /** Feeds `total` bytes in pieces, each when it is wanted, then ends. */
  async feedAll(total: number, pieceOf: (size: number) => Uint8Array): Promise<void> {
    let left = total
    while (left > 0 && !this.cancelled) {
      await this.watch.until("the body is wanted", () => this.wanted || this.cancelled)
      const size = Math.min(left, 64 * 1024)
      left -= size
      this.feed(pieceOf(size))
    }
    if (!this.cancelled) this.end()
  }

  /** Resolves as soon as it is being read. */
  untilRead(): Promise<void> {
    return this.watch.until("the body is read", () => this.isWanted)
  }

  /** Resolves as soon as the reader wants no more. */
  untilCancelled(): Promise<void> {
    return this.watch.until("the body is let go", () => this.cancelled)
  }
}
