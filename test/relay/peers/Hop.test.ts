/**
 * A server is reached at every relay of a cluster, whichever it is connected to.
 */
import { randomBytes } from "node:crypto"
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { WebSocket } from "ws"
import type { RequestHead } from "../../../src/protocol/Message.ts"
import { maxStreams } from "../../../src/transport/mux/Multiplexer.ts"
import * as Harness from "../../support/Harness.ts"
import { webSocketApplication } from "../../support/webSocketApplication.ts"

const stream = { transport: "stream", connections: 1 } as const

/** Three relays, of which the first has the server's links. */
const setting = Effect.fnUntraced(function* (
  handler: Parameters<typeof Harness.server>[2],
  options: Harness.ServerOptions = stream,
  relayOptions: Harness.RelayOptions = {},
) {
  const cluster = yield* Harness.cluster(["a", "b", "c"], { servers: ["demo"], ...relayOptions })
  const [a, b, c] = cluster.relays as [
    Harness.ClusterRelay,
    Harness.ClusterRelay,
    Harness.ClusterRelay,
  ]
  const server = yield* Harness.server(a, "demo", handler, options)
  yield* Harness.knowsLinks(b, "demo", options.connections ?? 1)
  yield* Harness.knowsLinks(c, "demo", options.connections ?? 1)
  return { a, b, c, cluster, server }
})

/** What an application that sends everything back makes of a message. */
const echoed = ({ host, port }: Harness.TestRelay, message: Buffer | string) =>
  Effect.promise(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        const socket = new WebSocket(`ws://${host}:${port}/servers/demo/`)
        socket.on("open", () => socket.send(message))
        socket.on("message", (data) => {
          socket.close()
          resolve(data as Buffer)
        })
        socket.on("error", reject)
      }),
  )

describe("a request at a relay without a link of the server", () => {
  it.effect("is answered like at the other", () =>
    Effect.gen(function* () {
      const { a, b, c } = yield* setting(Harness.echo)
      for (const relay of [a, b, c]) {
        const visited = yield* Harness.visit(relay, "/servers/demo/x?y", {
          method: "POST",
          body: "hello",
        })
        assert.strictEqual(visited.status, 200)
        assert.strictEqual(visited.text, "hello")
        assert.strictEqual(visited.header("x-target"), "/x?y")
      }
    }),
  )

  it.effect("reaches its server like at the other, whatever a visitor says of hops", () =>
    Effect.gen(function* () {
      const heads: Array<RequestHead> = []
      const { a, b, c } = yield* setting(
        Harness.handler(({ head }) => {
          heads.push(head)
          return {}
        }),
      )
      for (const relay of [a, b, c]) {
        const claims = [
          ...["Relay", "Links", "Have", "Instance", "Link", "Version"].map(
            (field) => [`X-PTTH-${field}`, relay.id] as const,
          ),
          ...["Name", "Hop", "Millis", "Peer"].map((field) => [`PTTH-Hop-${field}`, "a"] as const),
          ["X-PTTH-Hop", "1"],
          ["X-Piko-Forward", "true"],
          ["X-Forwarded-For", "192.0.2.1"],
          ["Forwarded", "for=192.0.2.1"],
          ["Via", "1.1 a"],
        ] as const
        for (const method of ["GET", "POST"]) {
          const visited = yield* Harness.visit(relay, "/servers/demo/x", {
            method,
            headers: claims,
          })
          assert.strictEqual(visited.status, 200)
        }
      }
      const [get, post, ...others] = heads.map(({ headers, method, target }) => [
        method,
        target,
        headers
          .map(([name, value]) =>
            // These name the relay itself, or repeat what the visitor said of it.
            /^(?:host|x-forwarded-(?:host|port)|x-ptth-|traceparent)/i.test(name)
              ? name
              : `${name}: ${value}`,
          )
          .filter((line) => !/^forwarded: /i.test(line)),
      ])
      assert.deepStrictEqual(others, [get, post, get, post])
      for (const { headers } of heads)
        assert.notInclude(
          headers.flatMap(([name, value]) => (/^x-forwarded-for$/i.test(name) ? value : [])),
          "192.0.2.1",
        )
    }),
  )

  it.effect("carries large bodies both ways, of known and of unknown length", () =>
    Effect.gen(function* () {
      const { b } = yield* setting(Harness.echo)
      const body = randomBytes(3_000_000)
      for (const chunked of [false, true]) {
        const visited = yield* Harness.visit(b, "/servers/demo/", { method: "PUT", body, chunked })
        assert.strictEqual(visited.status, 200)
        assert.isTrue(visited.body.equals(body))
      }
    }),
  )

  it.effect("gets interim responses, and 100 Continue only when the server reads", () =>
    Effect.gen(function* () {
      const { b } = yield* setting((_head, body, reply) => {
        reply.inform?.({ status: 103, headers: [["Link", "</style.css>"]] })
        void Harness.readWhole(body).then((bytes) =>
          reply.respond({ status: 200, headers: [["X-Length", `${bytes.length}`]] }, body),
        )
        return () => {}
      })
      const seen = yield* Effect.promise(
        () =>
          new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
            const events: Array<unknown> = []
            const request = http.request({
              host: b.host,
              port: b.port,
              method: "POST",
              path: "/servers/demo/",
              headers: { Expect: "100-continue", "Content-Length": "5" },
            })
            request.on("information", ({ statusCode }) => events.push(statusCode))
            request.on("continue", () => {
              events.push("continue")
              request.end("hello")
            })
            request.on("response", (response) => {
              events.push(response.headers["x-length"])
              response.resume()
              resolve(events)
            })
            request.on("error", reject)
            request.flushHeaders()
          }),
      )
      assert.sameMembers([...seen], [103, 100, "continue", "5"])
      assert.strictEqual(seen.at(-1), "5")
    }),
  )

  it.effect("is cancelled at the server when its visitor leaves", () =>
    Effect.gen(function* () {
      const calls: Array<Harness.Call> = []
      const { b } = yield* setting(
        Harness.handler((call) => {
          calls.push(call)
          return Harness.never
        }),
      )
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.until("it is begun", () => calls.length === 1)
      yield* visit.leave
      yield* Harness.until("it is cancelled", () => calls[0]?.isCancelled() === true)
    }),
  )

  it.effect("is cancelled at the server when its visitor leaves in the body", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const { b } = yield* setting(Harness.handler(() => ({ body })))
      const visit = yield* Harness.open(b, "/servers/demo/")
      assert.strictEqual((yield* visit.head).status, 200)
      yield* visit.leave
      yield* Harness.until("the body is not wanted any more", () => body.cancelled)
    }),
  )

  it.effect("breaks visibly when the server's body breaks", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody(100)
      const { b } = yield* setting(Harness.handler(() => ({ body })))
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* visit.head
      body.feed("some")
      body.fail()
      const error = yield* Effect.flip(visit.whole)
      assert.strictEqual(error._tag, "VisitError")
    }),
  )

  it.effect("fails with 504 when the server does not answer in time", () =>
    Effect.gen(function* () {
      const { b } = yield* setting(
        Harness.handler(() => Harness.never),
        stream,
        { responseTimeout: "3 seconds" },
      )
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.turns(50)
      let status: number | undefined
      yield* Effect.forkScoped(
        Effect.map(visit.head, (head) => {
          status = head.status
        }),
      )
      yield* Harness.advanceUntil("it is told", () => status !== undefined)
      assert.strictEqual(status, 504)
    }),
  )

  it.effect("is an event stream that may be silent for as long as it likes", () =>
    Effect.gen(function* () {
      const body = new Harness.FedBody()
      const headers = [["Content-Type", "text/event-stream"]] as const
      const { b } = yield* setting(
        Harness.handler(() => ({ headers, body })),
        stream,
        { idleTimeout: "10 seconds" },
      )
      const visit = yield* Harness.open(b, "/servers/demo/")
      const whole = yield* Effect.forkScoped(visit.whole)
      yield* Harness.promised(() => body.untilRead())
      body.feed("data: 1\n\n")
      yield* Harness.until("the first event has come", () => visit.received() === 9)
      for (let seconds = 0; seconds < 60; seconds++) {
        yield* TestClock.adjust("1 second")
        yield* Harness.turns(5)
      }
      body.feed("data: 2\n\n")
      yield* Harness.until("the second event has come", () => visit.received() === 18)
      body.end()
      assert.strictEqual((yield* Fiber.join(whole)).text, "data: 1\n\ndata: 2\n\n")
    }),
  )

  it.effect("is one of more than a link of a server carries, if there are two links", () =>
    Effect.gen(function* () {
      const waiting: Array<() => void> = []
      const { b } = yield* setting(
        Harness.handler(
          () =>
            new Promise((resolve) => {
              waiting.push(() => resolve({ body: "answered" }))
            }),
        ),
        { transport: "stream", connections: 2 },
      )
      const count = maxStreams + 100
      const visits = yield* Effect.forEach(Array.from({ length: count }), () =>
        Harness.open(b, "/servers/demo/"),
      )
      yield* Harness.until("all are begun", () => waiting.length === count)
      for (const answer of waiting) answer()
      for (const visit of visits) assert.strictEqual((yield* visit.whole).text, "answered")
    }),
  )

  for (const hop of [[1, 1] as const, [1, 3] as const])
    it.effect(`hops between relays of which one speaks versions ${hop.join(" to ")}, too`, () =>
      Effect.gen(function* () {
        const cluster = yield* Harness.cluster(["a"], { servers: ["demo"] })
        const [a] = cluster.relays as [Harness.ClusterRelay]
        const b = yield* cluster.start("b", { hop })
        yield* Harness.until("they know each other", () =>
          [a, b].every(({ peers }) => peers.list()[0]?.takesHops === true),
        )
        yield* Harness.server(a, "demo", Harness.echo, stream)
        yield* Harness.knowsLinks(b, "demo", 1)
        const post = { method: "POST", body: "hello" } as const
        assert.strictEqual((yield* Harness.visit(b, "/servers/demo/", post)).text, "hello")
        yield* Harness.server(b, "demo", Harness.echo, stream)
        yield* Harness.knowsLinks(a, "demo", 1)
        assert.strictEqual((yield* Harness.visit(a, "/servers/demo/", post)).text, "hello")
      }),
    )

  it.effect("tells the origin of its visitor what it would without a hop, whatever it claims", () =>
    Effect.gen(function* () {
      const heads: Array<Harness.Call["head"]> = []
      const { a, b } = yield* setting(
        Harness.handler(({ head }) => {
          heads.push(head)
          return {}
        }),
      )
      const headers = [
        ["Host", "site.example"],
        ["X-Forwarded-For", "192.0.2.1"],
        ["X-Forwarded-Host", "other.example"],
        ["X-Forwarded-Proto", "https"],
        ["X-Forwarded-Prefix", "/other"],
        ["Forwarded", "for=192.0.2.1"],
        ["X-PTTH-Relay", "a"],
        ["PTTH-Hop-Name", "other"],
      ] as const
      for (const relay of [a, b]) yield* Harness.visit(relay, "/servers/demo/", { headers })
      const [direct, hopped] = heads
      assert.isDefined(direct)
      assert.deepStrictEqual(hopped, direct)
      const trusted = (hopped?.headers ?? []).filter(([name]) => /forwarded/i.test(name))
      assert.notInclude(JSON.stringify(trusted), "192.0.2.1")
      assert.notInclude(JSON.stringify(trusted), "other")
    }),
  )

  it.live("is a WebSocket like any other", () =>
    Effect.gen(function* () {
      const application = yield* webSocketApplication()
      const { b } = yield* setting(application)
      const large = randomBytes(1_000_000)
      assert.isTrue((yield* echoed(b, large)).equals(large))
    }),
  )

  it.live("is a WebSocket, while a process that speaks classic is nearer", () =>
    Effect.gen(function* () {
      const application = yield* webSocketApplication()
      const { a, b, c } = yield* setting(application)
      for (const relay of [b, a]) {
        yield* Harness.server(relay, "demo", application, { transport: "classic" })
        for (const visited of [a, b, c, a, b, c])
          assert.strictEqual(`${yield* echoed(visited, "hello")}`, "hello")
      }
    }),
  )

  it.effect("is refused like there if no link can carry it", () =>
    Effect.gen(function* () {
      const cluster = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
      const [a, b] = cluster.relays as [Harness.ClusterRelay, Harness.ClusterRelay]
      yield* Harness.runningClassicServer(a, "demo")
      yield* Harness.knowsLinks(b, "demo", 1)
      const visited = yield* Harness.visit(b, "/servers/demo/", { method: "POST", body: "x" })
      assert.strictEqual(visited.status, 405)
      assert.strictEqual(visited.header("allow"), "GET, HEAD")
      assert.strictEqual(b.peers.list()[0]?.state, "up")
    }),
  )

  it.effect("is counted at both relays, and so is its failure", () =>
    Effect.gen(function* () {
      const { a, b, server } = yield* setting(Harness.echo)
      yield* Harness.get(b, "/servers/demo/")
      assert.deepStrictEqual(b.traffic.hops.peers.get("a"), { out: 1, in: 0, failures: new Map() })
      assert.deepStrictEqual(a.traffic.hops.peers.get("b"), { out: 0, in: 1, failures: new Map() })
      yield* server.stop
      yield* Harness.knowsLinks(b, "demo", 0)
      assert.isDefined(b.status("demo").lastSeen)
    }),
  )

  it.effect("counts as one that failed where its holder has no link any more", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* setting(
        Harness.handler(() => Harness.never),
        stream,
      )
      yield* Harness.open(b, "/servers/demo/", { method: "POST" })
      yield* Harness.until("it hops", () => a.traffic.hops.peers.get("b")?.in === 1)
      cluster.network.cut(Harness.peerAt("a"))
      yield* Harness.until("it is lost", () => b.traffic.hops.peers.get("a")?.failures.size === 1)
      assert.deepStrictEqual([...(b.traffic.hops.peers.get("a")?.failures ?? [])], [["lost", 1]])
    }),
  )

  it.effect("waits for the server as long as at a single relay", () =>
    Effect.gen(function* () {
      const cluster = yield* Harness.cluster(["a", "b"], { servers: ["demo"] })
      const [a, b] = cluster.relays as [Harness.ClusterRelay, Harness.ClusterRelay]
      const visit = yield* Harness.open(b, "/servers/demo/")
      yield* Harness.turns(50)
      assert.isFalse(visit.isAnswered())
      yield* Harness.server(a, "demo", Harness.echo, stream)
      assert.strictEqual((yield* visit.whole).status, 200)
    }),
  )
})
