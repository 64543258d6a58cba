/**
 * Visitors who mean harm, against the relay as a process of its own: the
 * others are served all the while, memory and handles stay bounded, and
 * nothing is to be had that is not served.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import * as Harness from "../support/Harness.ts"
import { RawHttp } from "../support/RawHttp.ts"
import { Seeded } from "../support/Seeded.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { type RelayProgram, relayProgram, relayToml, unseen } from "./Process.ts"
import { transports } from "./Smuggling.ts"

/** How much a relay may grow by what visitors do here, in MiB. */
const bound = 96
/** Where what is held is buffers, dead ones among them until they are freed. */
const boundOfBuffers = 160

/** A relay process with a server, which still answers when the test is over. */
const besides = (
  transport: (typeof transports)[number],
  handler: Handler,
  test: (relay: RelayProgram) => Promise<void>,
) =>
  Effect.gen(function* () {
    const relay = yield* Harness.promised(() => relayProgram(relayToml(["app", "__proto__"])))
    yield* Harness.serverAt(relay.url, "app", handler, { transport })
    yield* Harness.promised(async () => {
      await served(relay)
      await test(relay)
      await served(relay)
      assert.isFalse(relay.hasEnded(), relay.said())
    })
  })

const host = ["Host", "app.test"] as const

const served = async (relay: RelayProgram): Promise<void> => {
  const visitor = await RawHttp.connect(relay)
  await visitor.send("GET /servers/app/fine HTTP/1.1", [host])
  assert.include([200, 404], (await visitor.readResponse()).status)
  visitor.socket.destroy()
}

const connections = (relay: RelayProgram, count: number): Promise<ReadonlyArray<RawHttp>> =>
  Promise.all(Array.from({ length: count }, () => RawHttp.connect(relay)))

/** Reads what comes, and answers once it is whole. */
const patient: Handler = Harness.handler((call) =>
  call.read().then(
    () => ({ body: "fine" }),
    () => Harness.never,
  ),
)

const never: Handler = (head, body, reply) =>
  head.target === "/fine" ? patient(head, body, reply) : () => {}

describe.each(transports)("visitors who mean harm, over %s", (transport) => {
  it.live.skipIf(unseen !== undefined)("keep heads and bodies waiting: others are served", () =>
    besides(transport, patient, async (relay) => {
      const before = relay.memory()
      const visitors = await connections(relay, 300)
      for (const [n, visitor] of visitors.entries()) {
        await visitor.write("POST /servers/app/slow HTTP/1.1\r\nHost: app.test\r\nX: ")
        if (n % 2 === 0) await visitor.write("y\r\nContent-Length: 1000000\r\n\r\nx")
      }
      for (let round = 0; round < 5; round++) {
        for (const visitor of visitors) await visitor.write("z")
        await served(relay)
      }
      assert.isBelow(relay.memory() - before, bound)
    }),
  )

  it.live.skipIf(unseen !== undefined)(
    "do not read what they asked for: others are served, memory stays bounded",
    () => {
      const large = Harness.handler(({ head }) => {
        if (head.target === "/fine") return { body: "fine" }
        const body = new Harness.FedBody()
        void body.untilRead().then(() => body.feedAll(8_000_000, (size) => Buffer.alloc(size)))
        return { body }
      })
      return besides(transport, large, async (relay) => {
        const before = relay.memory()
        for (const visitor of await connections(relay, 60)) {
          visitor.socket.pause()
          await visitor.send("GET /servers/app/large HTTP/1.1", [host])
        }
        for (let round = 0; round < 10; round++) await served(relay)
        assert.isBelow(relay.memory() - before, boundOfBuffers)
      })
    },
  )

  it.live.skipIf(unseen !== undefined)(
    "send requests without end on one connection: it is cut, memory stays bounded",
    () =>
      besides(transport, never, async (relay) => {
        const before = relay.memory()
        const [visitor] = (await connections(relay, 1)) as [RawHttp]
        const request = "GET /servers/app/never HTTP/1.1\r\nHost: app.test\r\n\r\n"
        const many = request.repeat(1_000)
        for (let i = 0; i < 100 && !visitor.isOver; i++) {
          void visitor.write(many)
          await served(relay)
        }
        await visitor.readRest()
        assert.isBelow(relay.memory() - before, bound)
      }),
  )

  it.live("send heads of every size: an answer, or 431", () =>
    besides(transport, Harness.echo, async (relay) => {
      const heads: ReadonlyArray<
        readonly [what: string, bytes: string, expected: ReadonlyArray<number>]
      > = [
        [
          "a URL of 60,000",
          `GET /servers/app/${"u".repeat(60_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
          [200],
        ],
        [
          "a URL of 1,000,000",
          `GET /servers/app/${"u".repeat(1_000_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
          [431],
        ],
        [
          "90 fields",
          `GET /servers/app/ HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(90)}\r\n`,
          [200],
        ],
        [
          "a million fields",
          `GET /servers/app/ HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(1_000_000)}\r\n`,
          [431],
        ],
        [
          "a million cookies",
          `GET /servers/app/ HTTP/1.1\r\nHost: a\r\nCookie: ${"a=b; ".repeat(1_000_000)}\r\n\r\n`,
          [431],
        ],
        [
          "10,000 fields that Connection names",
          `GET /servers/app/ HTTP/1.1\r\nHost: a\r\nConnection: ${"a,".repeat(10_000)}\r\n\r\n`,
          [200],
        ],
        [
          "a name of 60,000",
          `GET /servers/${"n".repeat(60_000)}/ HTTP/1.1\r\nHost: a\r\n\r\n`,
          [404],
        ],
      ]
      for (const [what, bytes, expected] of heads) {
        const [visitor] = (await connections(relay, 1)) as [RawHttp]
        void visitor.write(bytes)
        assert.include(expected, (await visitor.readResponse()).status, what)
        visitor.socket.destroy()
      }
    }),
  )

  it.live("ask for names that JavaScript gives a meaning: they are names like any other", () =>
    besides(transport, Harness.echo, async (relay) => {
      const [visitor] = (await connections(relay, 1)) as [RawHttp]
      const status = async (
        target: string,
        fields: ReadonlyArray<readonly [string, string]> = [],
      ) => {
        await visitor.send(`GET ${target} HTTP/1.1`, [host, ...fields])
        return (await visitor.readResponse()).status
      }
      for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf"])
        assert.strictEqual(await status(`/servers/${name}/`), 404, name)
      assert.strictEqual(await status("/servers/app/?__proto__[x]=1&constructor.prototype=2"), 200)
      assert.strictEqual(
        await status("/servers/app/", [
          ["__proto__", "a"],
          ["constructor", "b"],
        ]),
        200,
      )
      // A server may be called so; it is registered here.
      const owner = await RawHttp.connect(relay)
      await owner.send("GET /7ZSFUKGV/http_listen/__proto__ HTTP/1.1", [
        host,
        ["X-ApiKey", "wrong"],
      ])
      assert.strictEqual((await owner.readResponse()).status, 401)
      await owner.send("GET /7ZSFUKGV/http_listen/__proto__ HTTP/1.1", [
        host,
        ["X-ApiKey", Harness.keyOf("__proto__")],
      ])
      await visitor.send("GET /servers/__proto__/x HTTP/1.1", [host])
      assert.include((await owner.readResponse()).body.toString("latin1"), "/x")
    }),
  )

  it.live("get packed bodies as they are, however large they would become", () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    const packed = Harness.handler(() => ({
      headers: [["Content-Encoding", "gzip"]],
      body: bomb,
    }))
    return besides(transport, packed, async (relay) => {
      const [visitor] = (await connections(relay, 1)) as [RawHttp]
      await visitor.send("GET /servers/app/bomb HTTP/1.1", [host, ["Accept-Encoding", "gzip"]])
      const answer = await visitor.readResponse()
      assert.strictEqual(answer.header("content-encoding"), "gzip")
      assert.isTrue(bomb.equals(answer.body))
    })
  })

  it.live("try every way out of a served folder: none leads out", () => {
    const base = temporaryFolder()
    const root = join(base, "root")
    mkdirSync(join(root, "inner"), { recursive: true })
    writeFileSync(join(base, "secret.txt"), "the canary file")
    writeFileSync(join(root, "inner", "open.txt"), "x".repeat(10_000))
    return Effect.flatMap(FileServer.make({ root }), (handler) =>
      besides(transport, handler, async (relay) => {
        const seeded = new Seeded(20_261_123)
        const parts = [
          "..",
          ".",
          "",
          "inner",
          "secret.txt",
          "root",
          "%2e%2e",
          "%2E.",
          ".%2e",
          "%252e%252e",
          "..%2f",
          "..%5c",
          "..\\",
          "%c0%ae%c0%ae",
          "%u002e",
          "..;",
          "..%00",
          "..%0a",
          "%2f",
          "~",
          "file:",
          "C:",
          "con",
          "....",
          "..%ef%bc%8f",
          "%e0%80%ae",
        ] as const
        const fronts = ["/files/", "/api/v1/dir/", "/", "//", "/files//", "/files/inner/"] as const
        let [visitor] = (await connections(relay, 1)) as [RawHttp]
        for (let i = 0; i < 400; i++) {
          const path = Array.from({ length: seeded.int(1, 6) }, () => seeded.pick(parts)).join("/")
          const target = `${seeded.pick(fronts)}${path}${seeded.chance(0.2) ? "?zip" : ""}`
          if (visitor.isOver) visitor = await RawHttp.connect(relay)
          await visitor.send(`GET /servers/app${target} HTTP/1.1`, [host])
          const answer = await visitor.readResponse()
          assert.notInclude(answer.text, "canary file", target)
          assert.notInclude(answer.text, base, target)
          assert.include([200, 301, 302, 303, 307, 308, 400, 404], answer.status, target)
        }
        const ranges = `bytes=${"0-,".repeat(5_000)}0-`
        await visitor.send("GET /servers/app/files/inner/open.txt HTTP/1.1", [
          host,
          ["Range", ranges],
        ])
        const answer = await visitor.readResponse()
        assert.isBelow(answer.body.length, 20_000)
      }),
    )
  })
})
