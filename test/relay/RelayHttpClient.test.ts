/**
 * The HTTP client of an app that embeds a relay, towards a server that does what the test says.
 */
import { Readable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { BodyError, ExchangeError } from "../../src/protocol/Exchange.ts"
import { Relay } from "../../src/relay/Relay.ts"
import * as RelayHttpClient from "../../src/relay/RelayHttpClient.ts"
import * as RelayOptions from "../../src/relay/RelayOptions.ts"
import * as TunnelHttpServer from "../../src/server/TunnelHttpServer.ts"
import * as Body from "../../src/transport/body/Body.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { Chunked, chunksOf } from "../support/Chunked.ts"
import * as Harness from "../support/Harness.ts"
import { Api, routes, streamed } from "../support/SampleApp.ts"

/** A relay, with the sample app behind it, and a client towards that. */
const sampleOver = Effect.fnUntraced(
  function* (transport: "classic" | "stream") {
    const key = Harness.keyOf("demo")
    const relay = yield* Layer.build(
      Relay.layer.pipe(
        Layer.provide(
          RelayOptions.layer({ listen: "127.0.0.1:0", servers: [{ name: "demo", apiKey: key }] }),
        ),
      ),
    )
    const { port } = yield* Effect.provide(Relay, relay)
    yield* Layer.build(
      HttpRouter.serve(routes(import.meta.filename), { disableLogger: true }).pipe(
        Layer.provide(
          TunnelHttpServer.layer({
            name: "demo",
            apiKey: key,
            relayUrl: `http://127.0.0.1:${port}`,
            graceMillis: 0,
            proxies: false,
            transport,
          }),
        ),
      ),
    )
    return yield* Effect.provide(RelayHttpClient.make("demo"), relay)
  },
  Effect.provide(Logger.layer([])),
)

const sample = sampleOver("classic")

const reasonOf = (error: HttpClientError) => {
  const { reason } = error
  return { tag: reason._tag, cause: "cause" in reason ? reason.cause : undefined }
}

describe("A client towards a server of the relay", () => {
  it.live("gets heads and bodies in every form", () =>
    Effect.gen(function* () {
      const client = yield* sample
      const text = yield* client.get("/text")
      assert.strictEqual(text.status, 200)
      assert.strictEqual(text.headers["x-one"], "1")
      assert.deepStrictEqual([yield* text.text, yield* text.text], ["hello", "hello"])
      const json = yield* client.get("/json")
      assert.deepStrictEqual(yield* json.json, { a: [1, "é"] })
      const cookies = yield* client.get("/cookies")
      assert.sameMembers(Object.keys(cookies.cookies.cookies), ["a", "b", "own"])
      const bytes = yield* client.get("/bytes")
      assert.isTrue(Buffer.from(yield* bytes.arrayBuffer).equals(streamed))
      const stream = yield* client.get("/stream")
      const chunks = yield* Stream.runCollect(stream.stream)
      assert.isTrue(Buffer.concat(chunks).equals(streamed))
      const head = yield* client.head("/text")
      assert.deepStrictEqual([head.headers["content-length"], yield* head.text], ["5", ""])
      const missing = yield* client.get("/missing")
      assert.strictEqual(missing.status, 404)
    }).pipe(Effect.scoped),
  )

  it.live("says the path, the query and the host that the request has", () =>
    Effect.gen(function* () {
      const client = yield* sample
      const about = yield* client.get("/about/x", { urlParams: { a: "1 2" } })
      const told = (yield* about.json) as { readonly url: string }
      assert.strictEqual(told.url, "/about/x?a=1+2")
      const hostOf = (url: string) =>
        Effect.flatMap(client.get(url), (answer) =>
          Effect.map(answer.json, (json) => (json as { readonly original: string }).original),
        )
      assert.strictEqual(yield* hostOf("/whoami"), "http://demo/whoami")
      assert.strictEqual(yield* hostOf("http://a.example:81/whoami"), "http://a.example:81/whoami")
    }).pipe(Effect.scoped),
  )

  it.live.each([["classic"], ["stream"]] as const)(
    "sends bodies of every kind over %s",
    ([transport]) =>
      Effect.gen(function* () {
        const client = yield* sampleOver(transport)
        const echo = (body: HttpBody.HttpBody) =>
          client
            .post("/echo", { body })
            .pipe(
              Effect.flatMap((answer) =>
                Effect.map(answer.arrayBuffer, (bytes) => Buffer.from(bytes)),
              ),
            )
        const pieces = () => Stream.fromIterable(chunksOf([1, 0, 70_000, 5, 300_000]))
        assert.strictEqual((yield* echo(HttpBody.empty)).length, 0)
        assert.strictEqual((yield* echo(HttpBody.text("é"))).toString(), "é")
        assert.isTrue((yield* echo(HttpBody.uint8Array(streamed))).equals(streamed))
        assert.isTrue((yield* echo(HttpBody.stream(pieces()))).equals(streamed))
        const sized = HttpBody.stream(pieces(), "text/plain", streamed.length)
        assert.isTrue((yield* echo(sized)).equals(streamed))
        const raw = (value: unknown) => Effect.map(echo(HttpBody.raw(value)), String)
        assert.strictEqual(yield* raw("text"), "text")
        assert.strictEqual(yield* raw(Readable.from([Buffer.from("node")])), "node")
        assert.strictEqual(yield* raw(new Blob(["blob"]).stream()), "blob")
        const form = new FormData()
        form.append("a", "one")
        form.append("b", new File(["two"], "b.txt"))
        const parts = yield* client.post("/multipart", { body: HttpBody.formData(form) })
        assert.deepStrictEqual(yield* parts.json, [
          ["a", "one"],
          ["b", ["b.txt"]],
        ])
      }).pipe(Effect.scoped),
  )

  it.live("carries an HttpApi's client", () =>
    Effect.gen(function* () {
      const client = yield* sample
      const api = yield* HttpApiClient.make(Api).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
      )
      const sum = yield* api.sums.sum({ params: { name: "x" }, payload: { numbers: [1, 2] } })
      assert.deepStrictEqual(sum, { name: "x", sum: 3 })
    }).pipe(Effect.scoped),
  )

  it.live("fails with the relay's own error where there is no such server", () =>
    Effect.gen(function* () {
      const client = yield* RelayHttpClient.make("other").pipe(
        Effect.provide(
          Relay.layer.pipe(
            Layer.provide(RelayOptions.layer({ listen: "127.0.0.1:0", servers: [] })),
          ),
        ),
      )
      const { cause, tag } = reasonOf(yield* Effect.flip(client.get("/")))
      assert.strictEqual(tag, "TransportError")
      assert.instanceOf(cause, ExchangeError)
      assert.strictEqual(cause.code, "PTTH_UNKNOWN_SERVER")
    }).pipe(Effect.provide(Logger.layer([]))),
  )
})

/** A handler that does as it is told and remembers how it ended. */
const scripted = (answer: Handler) => {
  const seen = { asked: 0, cancels: 0 }
  const handler: Handler = (head, body, reply) => {
    seen.asked += 1
    const cancel = answer(head, body, reply)
    return () => {
      seen.cancels += 1
      cancel()
    }
  }
  return { client: RelayHttpClient.fromHandler(handler, "demo"), seen }
}

const nothing = () => {}

describe("A request of a client", () => {
  it.effect("is cancelled when it is interrupted before there is an answer", () =>
    Effect.gen(function* () {
      const { client, seen } = scripted(() => nothing)
      const waiting = yield* Effect.forkChild(client.get("/"), { startImmediately: true })
      assert.strictEqual(seen.asked, 1)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(seen.cancels, 1)
    }),
  )

  it.effect("is cancelled when the stream of its answer is left", () =>
    Effect.gen(function* () {
      const sender = new Chunked(chunksOf([10, 10, 200_000]), "later")
      const { client } = scripted((_head, _body, reply) => {
        reply.respond({ status: 200, headers: [] }, sender)
        return nothing
      })
      const answer = yield* client.get("/")
      yield* Stream.runDrain(Stream.take(answer.stream, 1))
      assert.strictEqual(sender.cancels, 1)
    }),
  )

  it.effect("is cancelled when its Scope closes, also after the head", () =>
    Effect.gen(function* () {
      const sender = new Chunked(chunksOf([10]), "later")
      const { client, seen } = scripted((_head, _body, reply) => {
        reply.respond({ status: 200, headers: [] }, sender)
        return nothing
      })
      yield* Effect.scoped(HttpClient.withScope(client).get("/"))
      yield* Harness.until("it is cancelled", () => seen.cancels === 1)
      assert.strictEqual(sender.discards, 1)
    }),
  )

  it.effect("fails as DecodeError with the BodyError when the answer breaks off", () =>
    Effect.gen(function* () {
      const broken = new BodyError({ reason: "cut", detail: "x" })
      const { client } = scripted((_head, _body, reply) => {
        reply.respond({ status: 200, headers: [] }, new Chunked(chunksOf([3]), "soon", broken))
        return nothing
      })
      const answer = yield* client.get("/")
      const { cause, tag } = reasonOf(yield* Effect.flip(answer.text))
      assert.strictEqual(tag, "DecodeError")
      assert.strictEqual(cause, broken)
    }),
  )

  it.effect("fails as EncodeError with the cause when its own body fails", () =>
    Effect.gen(function* () {
      const bug = new Error("no more bytes")
      const { client } = scripted((_head, body, reply) => {
        body.read({
          data: () => true,
          end: () => {},
          fail: (error) =>
            reply.fail(new ExchangeError({ code: "PTTH_BAD_REQUEST", detail: error.message })),
        })
        return nothing
      })
      const failing = Stream.concat(Stream.succeed(Buffer.from("x")), Stream.fail(bug))
      const { cause, tag } = reasonOf(
        yield* Effect.flip(client.post("/", { body: HttpBody.stream(failing) })),
      )
      assert.deepStrictEqual([tag, cause], ["EncodeError", bug])
      const odd = yield* Effect.flip(client.post("/", { body: HttpBody.raw(Symbol("x")) }))
      assert.strictEqual(reasonOf(odd).tag, "EncodeError")
    }),
  )

  it.effect("keeps hop-by-hop fields, the key and a wrong length to itself", () =>
    Effect.gen(function* () {
      const sent: Array<string> = []
      const { client } = scripted((head, _body, reply) => {
        sent.push(...head.headers.map(([name, value]) => `${name}: ${value}`))
        reply.respond({ status: 204, headers: [] }, Body.empty)
        return nothing
      })
      yield* client.execute(
        HttpClientRequest.post("/", {
          headers: {
            connection: "x-mine",
            "x-mine": "1",
            "x-apikey": "secret",
            "transfer-encoding": "chunked",
            "x-kept": "1",
          },
          body: HttpBody.text("abc"),
        }).pipe(HttpClientRequest.setHeader("content-length", "99")),
      )
      assert.includeMembers(sent, [
        "host: demo",
        "x-kept: 1",
        "content-type: text/plain",
        "content-length: 3",
      ])
      assert.isEmpty(sent.filter((line) => /^(connection|x-mine|x-apikey|transfer)/.test(line)))
    }),
  )
})
