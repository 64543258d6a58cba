/**
 * The parts of Effect's `HttpIncomingMessage` that decode a body which is read
 * as a whole: the same for a request of an app and a response to a client.
 */
import * as Effect from "effect/Effect"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import type * as Schema from "effect/Schema"

const textDecoder = new TextDecoder()
const formDecoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** One chunk out of many, without a copy if there is only one. */
export const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array =>
  chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)

/** See the file's header. `E` is the error of the message. */
export abstract class IncomingBody<E> extends Inspectable.Class {
  /** All bytes of the body; can be run more than once. */
  protected abstract readonly bytes: Effect.Effect<Uint8Array, E>
  /** The error for a body that cannot be read or decoded. */
  protected abstract decodeError(cause: unknown): E

  get text(): Effect.Effect<string, E> {
    return Effect.map(this.bytes, (bytes) => textDecoder.decode(bytes))
  }

  get json(): Effect.Effect<Schema.Json, E> {
    return Effect.flatMap(this.text, (text) =>
      this.decoding(() => (text === "" ? null : (JSON.parse(text) as Schema.Json))),
    )
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, E> {
    return Effect.flatMap(this.bytes, (bytes) =>
      // A leading `?` is data here; URLSearchParams would drop it.
      this.decoding(() =>
        UrlParams.fromInput(new URLSearchParams(formDecoder.decode(bytes).replace(/^\?/, "%3F"))),
      ),
    )
  }

  private decoding<A>(decode: () => A): Effect.Effect<A, E> {
    return Effect.try({ try: decode, catch: (cause) => this.decodeError(cause) })
  }
}
