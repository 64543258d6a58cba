/**
 * Visitors who leave at once or close only their sending half, over TCP and TLS, before, during
 * and after the response.
 */
import { readFileSync } from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fromText } from "../../../src/transport/body/Body.ts"
import type { Reply } from "../../../src/transport/body/Handler.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import * as Certificate from "../../../src/transport/net/Certificate.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"
import * as Proxies from "../../support/Proxies.ts"

interface Asked {
  readonly target: string
  readonly reply: Reply
  isCancelled: boolean
}

/** A front whose responses are the test's. */
const front = Effect.fnUntraced(function* (certificate?: Certificate.Certificate) {
  const asked: Array<Asked> = []
  const address = yield* serve({
    host: "127.0.0.1",
    port: 0,
    certificate,
    renderFailure: FailurePage.render,
    handler: ({ body, head }, reply) => {
      const one = { target: head.target, reply, isCancelled: false }
      if (body.whole !== undefined) asked.push(one)
      else {
        // A body that is still to come is awaited.
        body.read({ data: () => true, end: () => asked.push(one), fail: () => {} })
      }
      return () => {
        one.isCancelled = true
      }
    },
  })
  return { asked, port: address.port }
})

/** A visitor who sends some bytes and closes the sending half. */
class HalfClosing {
  text = ""
  isEnded = false
  readonly socket: net.Socket

  constructor(socket: net.Socket, sent: string) {
    this.socket = socket
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      this.text += chunk.toString("latin1")
    })
    socket.on("end", () => {
      this.isEnded = true
    })
    socket.end(sent)
  }

  /** All that was answered, once the connection has ended. */
  get answer(): Effect.Effect<string> {
    return Effect.map(
      Harness.until("the connection ends", () => this.isEnded),
      () => this.text,
    )
  }
}

const visit = (port: number, sent: string) =>
  Effect.acquireRelease(
    Effect.sync(
      () => new HalfClosing(net.connect({ host: "127.0.0.1", port, allowHalfOpen: true }), sent),
    ),
    ({ socket }) => Effect.sync(() => socket.destroy()),
  )

describe("a visitor who leaves after the response and before the end of the upload", () => {
  it.live("is noticed at once", () =>
    Effect.gen(function* () {
      let received = 0
      let failure = ""
      const { port } = yield* serve({
        host: "127.0.0.1",
        port: 0,
        certificate: undefined,
        renderFailure: FailurePage.render,
        handler: ({ body }, reply) => {
          body.read({
            data: (chunk) => {
              received += chunk.length
              return true
            },
            end: () => {},
            fail: ({ reason }) => {
              failure = reason
            },
          })
          reply.respond({ status: 200, headers: [] }, fromText("early"))
          return () => {}
        },
      })
      const socket = net.connect({ host: "127.0.0.1", port })
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      let text = ""
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1")
      })
      socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nxx")
      yield* Harness.until("it is answered", () => text.endsWith("early") && received === 2)
      assert.strictEqual(failure, "")
      socket.destroy()
      yield* Harness.until("the body breaks off", () => failure === "cut")
    }).pipe(Effect.scoped),
  )
})

describe("a client that leaves during the TLS handshake", () => {
  it.live("is let go at once, and a stop does not wait for it", () =>
    Effect.gen(function* () {
      const { key, pem } = yield* Proxies.certificate
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* front(Certificate.make(pem, readFileSync(key, "utf8")))
          const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true })
          yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
          let isClosed = false
          socket.on("error", () => {})
          socket.on("end", () => {
            isClosed = true
          })
          socket.resume()
          // The first bytes of a ClientHello.
          socket.end(Buffer.from("1603010200010001fc0303", "hex"))
          yield* Harness.until("its connection is closed", () => isClosed)
        }),
      )
    }).pipe(Effect.scoped),
  )
})

/** Not in the types of `node:tls`. */
const halfOpen = { allowHalfOpen: true }

const request = (start: string, ...fields: ReadonlyArray<string>): string =>
  [start, "Host: app.test", ...fields, "", ""].join("\r\n")

const respond = ({ reply }: Asked, text: string): void =>
  reply.respond({ status: 200, headers: [] }, fromText(text))

/** Bytes that were sent before the head was there: a part of what it begins with. */
const begun = (text: string): boolean => text.length > 1 && "HTTP/1.1 ".startsWith(text)

describe("a visitor who closes the sending half", () => {
  for (const [what, sent] of [
    ["a plain request", request("GET /a HTTP/1.1")],
    ["the last request of a connection", request("GET /a HTTP/1.1", "Connection: close")],
    ["a request of HTTP/1.0", request("GET /a HTTP/1.0")],
    [
      "a chunked upload",
      `${request("POST /a HTTP/1.1", "Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`,
    ],
    ["a large upload", request("POST /a HTTP/1.1", "Content-Length: 100000") + "x".repeat(100_000)],
  ] as const)
    it.live(`gets the answer to ${what}, and then the connection is closed`, () =>
      Effect.gen(function* () {
        const { asked, port } = yield* front()
        const visitor = yield* visit(port, sent)
        yield* Harness.until("some of it is sent early", () => begun(visitor.text))
        respond(asked[0] as Asked, "the answer")
        const answer = yield* visitor.answer
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nthe answer$/)
        assert.match(answer, /^Connection: close\r$/im)
        assert.isFalse(answer.includes("HTTP/1.1 HTTP"))
      }),
    )

  it.live("gets all answers to requests that came one behind the other", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* front()
      const visitor = yield* visit(
        port,
        request("GET /1 HTTP/1.1") + request("GET /2 HTTP/1.1") + request("GET /3 HTTP/1.1"),
      )
      yield* Harness.until("all are asked for", () => asked.length === 3)
      // The second one first: only the first one's head may begin early.
      respond(asked[1] as Asked, "two")
      yield* Harness.until("some of it is sent early", () => begun(visitor.text))
      respond(asked[0] as Asked, "one")
      yield* Harness.until("the second is there", () => visitor.text.endsWith("two"))
      respond(asked[2] as Asked, "three")
      assert.match(
        yield* visitor.answer,
        /^HTTP\/1\.1 200[\s\S]*oneHTTP\/1\.1 200[\s\S]*twoHTTP\/1\.1 200[\s\S]*three$/,
      )
    }),
  )

  it.live("gets a body of events whole, although zeros come before the sizes of chunks", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* front()
      const visitor = yield* visit(port, request("GET /events HTTP/1.1"))
      yield* Harness.until("it is asked for", () => asked.length === 1)
      const body = new Harness.FedBody()
      asked[0]?.reply.respond({ status: 200, headers: [] }, body)
      yield* Harness.until("it is wanted", () => body.isWanted)
      body.feed("first")
      yield* Harness.until("zeros follow", () => /first\r\n0+$/.test(visitor.text))
      body.feed("second")
      body.end()
      const answer = yield* visitor.answer
      assert.match(answer, /\r\n\r\n0*5\r\nfirst\r\n0+6\r\nsecond\r\n0+\r\n\r\n$/)
    }),
  )

  it.live("is refused when the body is not whole", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* front()
      const visitor = yield* visit(port, `${request("POST /a HTTP/1.1", "Content-Length: 9")}half`)
      assert.match(yield* visitor.answer, /^HTTP\/1\.1 400 /)
      assert.strictEqual(asked.length, 0)
    }),
  )

  it.live.skipIf(!Proxies.isInstalled("openssl"))("gets the answer over TLS as well", () =>
    Effect.gen(function* () {
      const { key, pem } = yield* Proxies.certificate
      const { asked, port } = yield* front(Certificate.make(pem, readFileSync(key, "utf8")))
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() =>
          tls.connect({ ...halfOpen, host: "127.0.0.1", port, ca: pem, servername: "localhost" }),
        ),
        (open) => Effect.sync(() => open.destroy()),
      )
      const visitor = new HalfClosing(socket, request("GET /a HTTP/1.1"))
      yield* Harness.until("some of it is sent early", () => begun(visitor.text))
      respond(asked[0] as Asked, "the answer")
      assert.match(yield* visitor.answer, /^HTTP\/1\.1 200 OK[\s\S]*the answer$/)
    }),
  )
})

describe("a visitor who leaves", () => {
  const leaves = (sent: string, answer: (asked: Asked) => void) =>
    Effect.gen(function* () {
      const { asked, port } = yield* front()
      const visitor = yield* visit(port, sent)
      yield* Harness.until("it is asked for", () => asked.length === 1)
      answer(asked[0] as Asked)
      visitor.socket.destroy()
      yield* Harness.until("the handler is cancelled", () => asked[0]?.isCancelled === true)
    })

  it.live("before the answer is noticed, for plain requests and for others", () =>
    Effect.gen(function* () {
      yield* leaves(request("GET /a HTTP/1.1"), () => {})
      yield* leaves(request("GET /a HTTP/1.1", "TE: trailers"), () => {})
      yield* leaves(request("GET /a HTTP/1.0"), () => {})
    }),
  )

  it.live("during a silent stream of events is noticed", () =>
    leaves(request("GET /a HTTP/1.1"), ({ reply }) =>
      reply.respond({ status: 200, headers: [] }, new Harness.FedBody()),
    ),
  )
})
