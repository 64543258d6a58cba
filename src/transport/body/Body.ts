/**
 * A body at the level of callbacks: bytes that are pushed to a sink for as
 * long as the sink takes them. Everything that carries many bytes is made of
 * this; the Effect Streams of `protocol/Exchange.ts` are adapted to it in
 * `EffectExchange.ts`.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"

/** Where a body goes. After `end` or `fail` nothing more is delivered. */
export interface BodySink {
  /**
   * Takes some bytes. `false` means: no more until {@link BodyFlow.resume}.
   *
   * @param release where given: to be called once nobody needs the bytes any
   * more, because their memory is then filled with others. Who does not call it
   * keeps the bytes.
   */
  data(chunk: Uint8Array, release?: () => void): boolean
  /** The body is whole. */
  end(trailers: HeaderList): void
  /** The body broke off. */
  fail(error: BodyError): void
}

/** The receiver's hold on a body that it is reading. */
export interface BodyFlow {
  /** Go on after `data` returned `false`. */
  resume(): void
  /** The receiver wants no more yet, but has taken something of what it was given. */
  moved?(): void
  /** No more is wanted: frees what the body holds; the sink hears nothing more. Idempotent. */
  cancel(): void
}

/** Bytes that can be read once. */
export interface Body {
  /** How many bytes there will be, where that is known beforehand. */
  readonly length: number | undefined
  /** The bytes themselves, where they are all here already; then `read` need not be used. */
  readonly whole: Uint8Array | undefined
  /**
   * Starts the delivery, which begins only after this has returned. At most
   * one call. For a visitor's body the call is the "100-continue".
   */
  read(sink: BodySink): BodyFlow
  /** Lets go of a body that nobody is going to read. Idempotent; not to be called after `read`. */
  discard(): void
}

const noBytes = new Uint8Array(0)
const noTrailers: HeaderList = []

/** A body that is here already. */
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

/** The body without a byte. */
export const empty: Body = fromBytes(noBytes)

/** A body of UTF-8 text. */
export const fromText = (text: string): Body => fromBytes(Buffer.from(text, "utf8"))

/** What comes of collecting a body: one of these, once. */
export interface Collected {
  readonly whole: (bytes: Buffer) => void
  readonly tooLarge: () => void
  /** It broke off. */
  readonly cut: (error: BodyError) => void
}

/** Reads all of a body into memory, up to `most` bytes. */
export const collect = (body: Body, most: number, result: Collected): BodyFlow => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  const flow = body.read({
    data: (chunk) => {
      size += chunk.length
      if (size <= most) {
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
 * The same body held to the length that its head promised: fewer bytes become
 * a `short` failure instead of an end, more become `long`.
 */
export const promise = (body: Body, length: number): Body => {
  if (body.whole !== undefined && body.whole.length === length) return body
  return {
    length,
    whole: undefined,
    discard: () => body.discard(),
    read: (sink) => {
      let seen = 0
      let over = false
      const flow = body.read({
        data: (chunk, release) => {
          if (over) return false
          seen += chunk.length
          if (seen <= length) return sink.data(chunk, release)
          over = true
          flow.cancel()
          sink.fail(
            new BodyError({ reason: "long", detail: `more than the promised ${length} bytes` }),
          )
          return false
        },
        end: (trailers) => {
          if (over) return
          if (seen === length) return sink.end(trailers)
          sink.fail(
            new BodyError({ reason: "short", detail: `${seen} of the promised ${length} bytes` }),
          )
        },
        fail: (error) => {
          if (!over) sink.fail(error)
        },
      })
      return flow
    },
  }
}

/**
 * The same body, failing as `limit` once it has more than `max` bytes.
 * `onOver` is called first.
 */
export const limit = (body: Body, max: number, onOver: () => void): Body => {
  if (body.length !== undefined && body.length <= max) return body
  return {
    length: body.length,
    whole: undefined,
    discard: () => body.discard(),
    read: (sink) => {
      let seen = 0
      const flow = body.read({
        data: (chunk) => {
          seen += chunk.length
          if (seen <= max) return sink.data(chunk)
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
