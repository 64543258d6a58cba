/**
 * A link of stream whose frames are the test's.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { FrameParser } from "../../src/transport/mux/FrameParser.ts"
import * as Harness from "./Harness.ts"
import { Watch } from "./Watch.ts"

/** See the file's header. */
export interface RawLink {
  /** The fields of the 101, by lower-case names. */
  readonly headers: IncomingHttpHeaders
  readonly say: (...frames: ReadonlyArray<StreamFrame.Frame>) => void
  /** Sends frames that are not of stream. */
  readonly sendBytes: (bytes: Buffer) => void
  readonly frames: Array<StreamFrame.Frame>
  readonly until: (what: string, holds: () => boolean) => Effect.Effect<void>
  readonly isClosed: () => boolean
}

/** The hello of these links. */
export const hello: StreamFrame.Frame = {
  _tag: "Hello",
  version: 1,
  maxStreams: 10,
  window: 65_536,
  publicUrl: "",
}

/** Opens a link of the server `demo`; it answers pings if it is told to. */
export const rawLink = (
  relay: Harness.TestRelay,
  options: {
    readonly instance: string
    readonly link?: string
    readonly have?: string
    readonly pongs?: boolean
  },
): Effect.Effect<RawLink, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const frames: Array<StreamFrame.Frame> = []
      const watch = new Watch()
      const webSocket = new WebSocket(`ws://${relay.host}:${relay.port}/7ZSFUKGV/stream/demo`, {
        headers: {
          "X-ApiKey": Harness.keyOf("demo"),
          "X-PTTH-Instance": options.instance,
          "X-PTTH-Link": options.link ?? "0",
          ...(options.have === undefined ? {} : { "X-PTTH-Have": options.have }),
        },
      })
      const say: RawLink["say"] = (...given) =>
        webSocket.send(Buffer.concat(given.map(StreamFrame.encode)))
      const sendBytes: RawLink["sendBytes"] = (bytes) => webSocket.send(bytes)
      const parser = new FrameParser({
        frame: (frame) => {
          frames.push(frame)
          if (frame._tag === "Ping" && options.pongs === true)
            say({ _tag: "Pong", nonce: frame.nonce })
          watch.changed()
        },
        data: () => {},
        illegal: () => {},
      })
      let closed = false
      webSocket.on("message", (message) => parser.feed(message as Buffer))
      webSocket.on("close", () => {
        closed = true
        watch.changed()
      })
      let headers: IncomingHttpHeaders = {}
      webSocket.on("upgrade", (response) => {
        headers = response.headers
      })
      await new Promise((resolve, reject) => {
        webSocket.on("open", () => {
          say(hello)
          resolve(undefined)
        })
        webSocket.on("error", reject)
      })
      const link: RawLink = {
        headers,
        say,
        sendBytes,
        frames,
        until: (what, holds) => Effect.promise(() => watch.until(what, holds)),
        isClosed: () => closed,
      }
      return { link, webSocket }
    }),
    ({ webSocket }) => Effect.sync(() => webSocket.terminate()),
  ).pipe(Effect.map(({ link }) => link))
