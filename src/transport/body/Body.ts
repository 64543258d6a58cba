/**
 * A message body at the level of callbacks: bytes are pushed to a sink until
 * the sink asks to wait. Every path that carries many bytes uses it;
 * `EffectExchange.ts` adapts the Effect Streams of `protocol/Exchange.ts`.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"

/** Receives a body. Nothing is delivered after `end` or `fail`. */
export interface BodySink {
  /**
   * Takes some bytes. `false`: deliver no more until {@link BodyFlow.resume}.
   *
   * @param release if given, call it once the bytes are not needed any more:
   * their memory is then reused. A sink that does not call it keeps the bytes.
   */
  data(chunk: Uint8Array, release?: () => void): boolean
  /** The body is complete. */
  end(trailers: HeaderList): void
  /** The body broke off. */
  fail(error: BodyError): void
}

/** Controls a body that is being read. */
export interface BodyFlow {
  /** Continues after `data` returned `false`. */
  resume(): void
  /** The receiver makes progress with the bytes that it has, but wants no more yet. */
  moved?(): void
  /** Stops the delivery and frees the body; the sink is not called again. Idempotent. */
  cancel(): void
}

/** Bytes that can be read once. */
export interface Body {
  /** The length in bytes, if it is known beforehand. */
  readonly length: number | undefined
  /** The bytes, if all of them are in memory already; then `read` need not be called. */
  readonly whole: Uint8Array | undefined
  /**
   * The content of a request that asks for a change of protocol, if it has any
   * (RFC 9110 7.8); `read` delivers only what comes after the change.
   */
  readonly content?: Uint8Array | undefined
  /**
   * Starts the delivery; nothing is delivered before this has returned. Call it
   * at most once. For a visitor's request body the call sends "100 Continue".
   */
  read(sink: BodySink): BodyFlow
  /** Frees a body that nobody is going to read. Idempotent; not to be called after `read`. */
  discard(): void
}

const noBytes = new Uint8Array(0)
const noTrailers: HeaderList = []

/** A body of bytes in memory. */
export const fromBytes = (bytes: Uint8Array): Body => ({
  length: bytes.length,
  whole: bytes,
  read: (sink) => {
    let open = true
    queueMicrotask(() => {
      if (open && bytes.length > 0) sink.data(bytes)
      if (!open) return
      open = false
      sink.end(noTrailers)
    })
    return {
      resume: () => {},
      cancel: () => {
        open = false
      },
    }
  },
  discard: () => {},
})

/** The body without bytes. */
export const empty: Body = fromBytes(noBytes)

/** The body with the content of its request, where the protocol is not changed. */
export const contentOf = (body: Body): Body =>
  body.content === undefined ? body : fromBytes(body.content)

/** The same body, with the content of a request that asks for a change of protocol. */
export const withContent = (body: Body, content: Uint8Array): Body => ({
  length: body.length,
  whole: undefined,
  content,
  read: (sink) => body.read(sink),
  discard: () => body.discard(),
})

/** The same body, without the trailers whose names are to be removed. */
export const withoutTrailers = (body: Body, isRemoved: (name: string) => boolean): Body => ({
  length: body.length,
  whole: body.whole,
  ...(body.content === undefined ? {} : { content: body.content }),
  read: (sink) =>
    body.read({
      data: (chunk, release) => sink.data(chunk, release),
      end: (trailers) =>
        sink.end(trailers.length === 0 ? trailers : trailers.filter(([name]) => !isRemoved(name))),
      fail: (error) => sink.fail(error),
    }),
  discard: () => body.discard(),
})

/** A body of UTF-8 text. */
export const fromText = (text: string): Body => fromBytes(Buffer.from(text, "utf8"))

/** The result of collecting a body: one of these is called, once. */
export interface Collected {
  readonly whole: (bytes: Buffer) => void
  readonly tooLarge: () => void
  /** The body broke off. */
  readonly cut: (error: BodyError) => void
}

/** Reads a whole body into memory, up to `maxBytes`. */
export const collect = (body: Body, maxBytes: number, result: Collected): BodyFlow => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  const flow = body.read({
    data: (chunk) => {
      size += chunk.length
      if (size <= maxBytes) {
        chunks.push(chunk)
        return true
      }
      flow.cancel()
      result.tooLarge()
      return false
    },
    end: () => result.whole(Buffer.concat(chunks)),
    fail: (error) => result.cut(error),
  })
  return flow
}

/**
 * The same body with the length of its head enforced: it fails as `short` if
 * it ends with fewer bytes, and as `long` if there are more.
 */
export const promise = (body: Body, length: number): Body => {
  if (body.whole !== undefined && body.whole.length === length) return body
  return {
    length,
    whole: undefined,
    discard: () => body.discard(),
    read: (sink) => {
      let received = 0
      let isTooLong = false
      const flow = body.read({
        data: (chunk, release) => {
          if (isTooLong) return false
          received += chunk.length
          if (received <= length) return sink.data(chunk, release)
          isTooLong = true
          flow.cancel()
          sink.fail(
            new BodyError({ reason: "long", detail: `more than the promised ${length} bytes` }),
          )
          return false
        },
        end: (trailers) => {
          if (isTooLong) return
          if (received === length) return sink.end(trailers)
          sink.fail(
            new BodyError({
              reason: "short",
              detail: `${received} of the promised ${length} bytes`,
            }),
          )
        },
        fail: (error) => {
          if (!isTooLong) sink.fail(error)
        },
      })
      return flow
    },
  }
}

/**
 * The same body, which fails as `limit` after `max` bytes; `onOver` is called
 * before that.
 */
export const limit = (body: Body, max: number, onOver: () => void): Body => {
  if (body.length !== undefined && body.length <= max) return body
  return {
    length: body.length,
    whole: undefined,
    content: body.content,
    discard: () => body.discard(),
    read: (sink) => {
      let received = 0
      const flow = body.read({
        data: (chunk) => {
          received += chunk.length
          if (received <= max) return sink.data(chunk)
          flow.cancel()
          onOver()
          sink.fail(new BodyError({ reason: "limit", detail: `more than ${max} bytes` }))
          return false
        },
        end: (trailers) => sink.end(trailers),
        fail: (error) => sink.fail(error),
      })
      return flow
    },
  }
}
