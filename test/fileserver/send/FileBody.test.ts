/**
 * Bodies read from files: their bytes, their memory, and that every handle is closed when a
 * visitor stops or leaves.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as FileBody from "../../../src/fileserver/send/FileBody.ts"
import type { Body, BodyFlow } from "../../../src/transport/body/Body.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const MiB = 1024 * 1024

const fill = (folder: string, letters: string, size: number): void => {
  for (const letter of letters)
    fs.writeFileSync(path.join(folder, letter), Buffer.alloc(size, letter))
}

const bodyOf = (folder: string, letter: string, size: number): Body =>
  FileBody.make(fs.openSync(path.join(folder, letter), "r"), 0, size).body

/** Reads a body to its end, piece by piece; `take` gets each of them. */
const readAll = (
  body: Body,
  take: (chunk: Uint8Array, release: (() => void) | undefined) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const flow: BodyFlow = body.read({
      data: (chunk, release) => {
        take(chunk, release)
        queueMicrotask(() => flow.resume())
        return false
      },
      end: () => resolve(),
      fail: reject,
    })
  })

const isAll = (chunk: Uint8Array, letter: string): boolean =>
  chunk.every((byte) => byte === letter.charCodeAt(0))

describe("a file's body", () => {
  it("fills memory again that was released, and leaves alone what was not", async () => {
    const folder = temporaryFolder()
    fill(folder, "ab", 4 * MiB)
    const kept: Array<Uint8Array> = []
    const memory = new Set<ArrayBufferLike>()
    await readAll(bodyOf(folder, "a", 4 * MiB), (chunk, release) => {
      memory.add(chunk.buffer)
      if (kept.length < 3) kept.push(chunk)
      else release?.()
    })
    assert.isBelow(memory.size, 8, "of the 16 pieces, most were read into the same memory")
    const again = new Set<ArrayBufferLike>()
    await readAll(bodyOf(folder, "b", 4 * MiB), (chunk, release) => {
      assert.isTrue(isAll(chunk, "b"))
      again.add(chunk.buffer)
      release?.()
    })
    assert.isTrue([...again].some((one) => memory.has(one)))
    for (const chunk of kept) {
      assert.isFalse(again.has(chunk.buffer))
      assert.isTrue(isAll(chunk, "a"))
    }
  })

  it("that is released twice is read into memory of its own for all that", async () => {
    const folder = temporaryFolder()
    fill(folder, "abc", MiB)
    await readAll(bodyOf(folder, "a", MiB), (_, release) => {
      release?.()
      release?.()
    })
    const kept: Array<Uint8Array> = []
    const keep = (chunk: Uint8Array): void => {
      kept.push(chunk)
    }
    await readAll(bodyOf(folder, "b", MiB), keep)
    await readAll(bodyOf(folder, "c", MiB), keep)
    assert.strictEqual(new Set(kept.map(({ buffer }) => buffer)).size, kept.length)
  })
})

interface Reader {
  readonly letter: string
  /** Stays until the end; stops meanwhile until the others are done; or leaves. */
  readonly manner: "stays" | "stops" | "leaves"
}

/** What a request says of its connection; one that is to be kept is answered in another way. */
type Fate = "close" | "keep-alive"

/** Reads a file over a connection of its own; gives its hash. */
const download = (
  port: number,
  target: string,
  fate: Fate,
  manner: Reader["manner"],
  onward: Promise<unknown>,
): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port })
    const hash = createHash("sha256")
    let head: Buffer | undefined = Buffer.alloc(0)
    let left = Number.NaN
    const take = (bytes: Buffer): void => {
      hash.update(bytes)
      left -= bytes.length
      if (left === 0) socket.end()
    }
    socket.on("error", reject)
    socket.on("data", (chunk: Buffer) => {
      if (head === undefined) return take(chunk)
      head = Buffer.concat([head, chunk])
      const end = head.indexOf("\r\n\r\n")
      if (end < 0) return
      left = Number(/^content-length: (\d+)/im.exec(head.toString("latin1", 0, end))?.[1])
      take(head.subarray(end + 4))
      head = undefined
      if (manner === "stops") {
        socket.pause()
        void onward.then(() => socket.resume())
      }
      if (manner === "leaves") {
        socket.resetAndDestroy()
        resolve(undefined)
      }
    })
    socket.on("end", () => resolve(hash.digest("hex")))
    socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: ${fate}\r\n\r\n`)
  })

describe("many files at once, to visitors who stop or leave", () => {
  // More than the buffers of the connections take.
  const size = 16 * MiB + 1
  const letters = "abc"
  const manners = ["stops", "stays", "leaves"] as const

  const allRight = (folder: string, port: number, prefix: string, fate: Fate) =>
    Harness.promised(async () => {
      fill(folder, letters, size)
      const done = Promise.withResolvers<void>()
      const get = (letter: string, manner: Reader["manner"]) =>
        download(port, `${prefix}/files/${letter}`, fate, manner, done.promise)
      const readers = manners.flatMap((manner) =>
        [...letters].map((letter) => ({ letter, manner })),
      )
      const stopped: Array<Promise<string | undefined>> = []
      const others: Array<Promise<string | undefined>> = []
      for (const { letter, manner } of readers) {
        ;(manner === "stops" ? stopped : others).push(get(letter, manner))
      }
      const first = await Promise.all(others)
      done.resolve()
      const expected = [...letters].map((letter) =>
        createHash("sha256").update(Buffer.alloc(size, letter)).digest("hex"),
      )
      assert.deepStrictEqual(first, [...expected, ...expected.map(() => undefined)])
      assert.deepStrictEqual(await Promise.all(stopped), expected)
      assert.deepStrictEqual(await untilClosed(folder), [])
    })

  it.live.each(["close", "keep-alive"] as const)("are right without a tunnel, %s", (fate) =>
    Effect.gen(function* () {
      const root = temporaryFolder()
      const handler = yield* FileServer.make({ root })
      const { port } = yield* serve({
        host: "127.0.0.1",
        port: 0,
        graceMillis: 0,
        renderFailure: FailurePage.render,
        handler: ({ body, head }, reply) => handler(head, body, reply),
      })
      yield* allRight(root, port, "", fate)
    }),
  )

  it.live.each(["classic", "stream"] as const)("are right through %s", (transport) =>
    Effect.gen(function* () {
      const root = temporaryFolder()
      const relay = yield* Harness.relay({ servers: ["files"] })
      yield* Harness.server(relay, "files", yield* FileServer.make({ root }), { transport })
      yield* allRight(root, relay.port, "/servers/files", "close")
    }),
  )
})
