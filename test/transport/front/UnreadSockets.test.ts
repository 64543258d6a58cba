/** Visitors who read slowly, late or never, on real sockets whose buffers the test fills. */
import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { type Body, fromBytes } from "../../../src/transport/body/Body.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import {
  type Certificate,
  make as makeCertificate,
} from "../../../src/transport/net/Certificate.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"
import * as Proxies from "../../support/Proxies.ts"
import { Watch } from "../../support/Watch.ts"

const mebibyte = 1024 * 1024
/** More than the buffers of both ends' kernels take while nobody reads. */
const large = 16 * mebibyte
const step = "5 seconds"

/** A front that gives up who takes nothing for a minute, and whether it has. */
const front = Effect.fnUntraced(function* (body: () => Body, certificate?: Certificate) {
  let hasGivenUp = false
  const { host, port } = yield* serve({
    host: "127.0.0.1",
    port: 0,
    certificate,
    idleMillis: () => 60_000,
    renderFailure: FailurePage.render,
    handler: (_request, reply) => {
      reply.respond({ status: 200, headers: [] }, body())
      return () => {
        hasGivenUp = true
      }
    },
  })
  return { host, port, secure: certificate !== undefined, hasGivenUp: () => hasGivenUp }
})

const get = "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n"

/** A visitor who reads when and as much as he is told to. */
class Reader {
  read = 0
  isClosed = false
  private readonly watch = new Watch()
  private readonly socket: net.Socket

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on("readable", () => this.watch.changed())
    socket.on("error", () => {})
    socket.on("close", () => {
      this.isClosed = true
      this.watch.changed()
    })
  }

  static connect(to: { readonly host: string; readonly port: number; readonly secure?: boolean }) {
    return Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<Reader>((resolve) => {
            const connected = (): void => resolve(new Reader(socket))
            const { host, port } = to
            const socket: net.Socket =
              to.secure === true
                ? tls.connect({ host, port, rejectUnauthorized: false }, connected)
                : net.connect({ host, port }, connected)
          }),
      ),
      (reader) => Effect.sync(() => reader.socket.destroy()),
    )
  }

  write(text: string): void {
    this.socket.write(text)
  }

  /** Takes up to so many bytes as soon as there are any, or learns that it is over. */
  take(most: number): Effect.Effect<void> {
    return Effect.promise(async () => {
      for (let left = most; left > 0 && !this.isClosed; ) {
        const chunk = this.socket.read(Math.min(left, this.socket.readableLength)) as Buffer | null
        left -= chunk?.length ?? 0
        this.read += chunk?.length ?? 0
        if (left === most)
          await this.watch.until(
            "bytes come",
            () => this.isClosed || this.socket.readableLength > 0,
          )
        else if (chunk === null) return
      }
    })
  }
}

/** As long as a look at the kernel's queues takes, which goes the same way. */
const look = Effect.promise(async () => {
  for (let i = 0; i < 3; i++) await readFile("/proc/self/net/tcp").catch(() => undefined)
})

/** Reads 128 KiB every ten seconds, for 80 seconds: the kernel's buffers hold more than is read in a minute. */
const readSlowly = Effect.fnUntraced(function* (reader: Reader) {
  for (let i = 0; i < 8; i++) {
    yield* reader.take(128 * 1024)
    yield* TestClock.adjust("10 seconds")
    yield* look
  }
})

const isLinux = process.platform === "linux"

describe("responses that the visitor does not read", () => {
  const bytes = Buffer.alloc(large, "x")
  /** Comes for as long as it is taken, and waits for ever otherwise. */
  const streamed = (): Body => ({
    length: undefined,
    whole: undefined,
    discard: () => {},
    read: (sink) => {
      let left = large
      let isOver = false
      const push = (): void => {
        while (left > 0 && !isOver) {
          const chunk = bytes.subarray(0, Math.min(left, 64 * 1024))
          left -= chunk.length
          if (!sink.data(chunk)) return
        }
        if (!isOver) sink.end([])
        isOver = true
      }
      queueMicrotask(push)
      return {
        resume: push,
        cancel: () => {
          isOver = true
        },
      }
    },
  })

  const kinds = [
    { what: "one that is whole", request: get, body: () => fromBytes(bytes) },
    { what: "one that is still coming", request: get, body: streamed },
    {
      what: "several that were asked for at once",
      request: get.repeat(5),
      body: () => fromBytes(bytes),
    },
  ]
  for (const { body, request, what } of kinds)
    it.effect(`${what}: the connection is closed after the idle time`, () =>
      Effect.gen(function* () {
        const made = yield* front(body)
        const reader = yield* Reader.connect(made)
        reader.write(request)
        yield* reader.take(1)
        const before = yield* Clock.currentTimeMillis
        yield* Harness.advanceUntil("it ends", made.hasGivenUp, step)
        const took = (yield* Clock.currentTimeMillis) - before
        assert.isAtLeast(took, 60_000)
        while (!reader.isClosed) yield* reader.take(mebibyte)
        assert.isBelow(reader.read, large)
      }),
    )

  for (const { body, request, what } of kinds)
    it.effect.skipIf(!isLinux)(
      `${what}: whoever reads slowly keeps his connection and gets all of it`,
      () =>
        Effect.gen(function* () {
          const made = yield* front(body)
          const reader = yield* Reader.connect(made)
          reader.write(request)
          yield* readSlowly(reader)
          assert.isFalse(made.hasGivenUp())
          const all = large * (request.length / get.length)
          while (reader.read < all && !reader.isClosed) yield* reader.take(mebibyte)
          assert.isAtLeast(reader.read, all)
        }),
    )

  const hasOpenssl = Proxies.isInstalled("openssl")
  const reason = hasOpenssl ? "" : " (skipped: openssl is not installed)"
  it.effect.skipIf(!isLinux || !hasOpenssl)(
    `over TLS it is the same: who reads keeps the connection, who stops loses it${reason}`,
    () =>
      Effect.gen(function* () {
        const files = yield* Proxies.certificate
        const certificate = makeCertificate(files.pem, readFileSync(files.key, "utf8"))
        const made = yield* front(() => fromBytes(bytes), certificate)
        const reader = yield* Reader.connect(made)
        reader.write(get)
        yield* readSlowly(reader)
        assert.isFalse(made.hasGivenUp())
        yield* Harness.advanceUntil("it ends", made.hasGivenUp, step)
        while (!reader.isClosed) yield* reader.take(mebibyte)
        assert.isBelow(reader.read, large)
      }),
  )

  for (const transport of ["classic", "stream"] as const)
    it.effect.skipIf(!isLinux)(
      `through the relay, over ${transport}: whoever reads slowly gets all of a large body`,
      () =>
        Effect.gen(function* () {
          const relay = yield* Harness.relay({ servers: ["demo"], idleTimeout: "1 minute" })
          const handler = Harness.handler(() => ({ body: streamed() }))
          yield* Harness.server(relay, "demo", handler, { transport })
          const reader = yield* Reader.connect(relay)
          reader.write(get.replace("/x", "/servers/demo/x"))
          yield* readSlowly(reader)
          while (reader.read < large && !reader.isClosed) yield* reader.take(mebibyte)
          assert.isAtLeast(reader.read, large)
        }),
    )
})
