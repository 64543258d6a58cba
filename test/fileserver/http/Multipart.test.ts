/** Responses with several ranges: which parts they have, and the body that holds them. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { BodyError } from "../../../src/protocol/Exchange.ts"
import { type Answered, openHandler, readBody } from "../../support/callHandler.ts"
import { parseMultipart } from "../../support/parseMultipart.ts"
import { bytesOf, servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

const partsOf = (answer: Answered) =>
  parseMultipart(answer.header("content-type") ?? "", answer.body)

const range = (value: string) => [["Range", `bytes=${value}`] as const]

const size = 1_000_000
const content = bytesOf(size)

describe("several ranges", () => {
  it("are sent in the requested order, each with its type and position", async () => {
    const { base, get } = await servedFolder({ "a.txt": content })
    const answer = await get("/files/a.txt", range("500-509,0-9,-5"))
    assert.strictEqual(answer.status, 206)
    assert.strictEqual(answer.header("content-length"), String(answer.body.length))
    assert.isUndefined(answer.header("content-range"))
    const parts = partsOf(answer)
    assert.deepStrictEqual(
      parts.map(({ first, last, size }) => [first, last, size]),
      [
        [500, 509, size],
        [0, 9, size],
        [size - 5, size - 1, size],
      ],
    )
    for (const { bytes, fields, first, last } of parts) {
      assert.isTrue(bytes.equals(content.subarray(first, last + 1)))
      assert.strictEqual(fields.get("content-type"), "text/plain")
      assert.strictEqual(fields.size, 2)
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("of a cached file are the same", async () => {
    const { get } = await servedFolder({ "a.bin": content.subarray(0, 1000) })
    await get("/files/a.bin")
    for (let repetition = 0; repetition < 2; repetition++) {
      const parts = partsOf(await get("/files/a.bin", range("0-9,500-509")))
      assert.isTrue(
        Buffer.concat(parts.map(({ bytes }) => bytes)).equals(
          Buffer.concat([content.subarray(0, 10), content.subarray(500, 510)]),
        ),
      )
    }
  })

  it("of which only one exists are sent as that one, not as multipart", async () => {
    const { get } = await servedFolder({ "a.bin": content.subarray(0, 1000) })
    const answer = await get("/files/a.bin", range("0-9,5000-"))
    assert.strictEqual(answer.status, 206)
    assert.strictEqual(answer.header("content-range"), "bytes 0-9/1000")
    assert.strictEqual(answer.header("content-type"), "application/octet-stream")
    assert.strictEqual(answer.body.length, 10)
  })

  it.each([
    ["200 times everything", Array(200).fill("0-").join(",")],
    ["33 of them", Array.from({ length: 33 }, (_, i) => `${i * 10}-${i * 10}`).join(",")],
    ["thousands", Array.from({ length: 5000 }, (_, i) => `${i * 2}-${i * 2}`).join(",")],
  ])("are answered with the whole file: %s", async (_, value) => {
    const { get } = await servedFolder({ "a.bin": content })
    const answer = await get("/files/a.bin", range(value))
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.body.length, size)
  })

  it("have a different boundary each time", async () => {
    const { get } = await servedFolder({ "a.bin": content })
    const types = await Promise.all(
      Array.from({ length: 5 }, async () =>
        (await get("/files/a.bin", range("0-9,20-29"))).header("content-type"),
      ),
    )
    assert.strictEqual(new Set(types).size, 5)
  })

  const Cut = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: size + 1000 }))
  it.effect.prop(
    "rebuild what was asked for, whatever it was",
    [
      Schema.Array(Schema.Tuple([Cut, Cut])).check(Schema.isMinLength(1), Schema.isMaxLength(36)),
      Schema.Boolean,
    ],
    ([pairs, suffix]) =>
      Effect.promise(async () => {
        const { base, get } = await servedFolder({ "a.bin": content })
        const ranges = pairs.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
        const value = ranges.map(([first, last]) => `${first}-${last}`).join(",")
        const answer = await get("/files/a.bin", range(suffix ? `${value},-7` : value))
        const rebuilt = Buffer.alloc(size)
        const had = Buffer.alloc(size)
        const put = (first: number, bytes: Buffer): void => {
          bytes.copy(rebuilt, first)
          had.fill(1, first, first + bytes.length)
        }
        if (answer.status === 200) put(0, answer.body)
        else if (answer.status === 206) {
          assert.strictEqual(answer.header("content-length"), String(answer.body.length))
          const single = /^bytes (\d+)-/.exec(answer.header("content-range") ?? "")
          if (single !== null) put(Number(single[1]), answer.body)
          else for (const { bytes, first } of partsOf(answer)) put(first, bytes)
        } else assert.strictEqual(answer.status, 416)
        for (const [first, last] of ranges) {
          const end = Math.min(last + 1, size)
          if (first < end) assert.isTrue(had.subarray(first, end).every((byte) => byte === 1))
        }
        for (let i = 0; i < size; i += 997) {
          if (had[i] === 1) assert.strictEqual(rebuilt[i], content[i])
        }
        assert.deepStrictEqual(await untilClosed(base), [])
        fs.rmSync(base, { recursive: true })
      }),
    { arbitrary: { runs: 25 } },
  )
})

describe("the body of several ranges", () => {
  const large = async () => {
    const made = await servedFolder({ "a.bin": content })
    const opened = await openHandler(made.handler, {
      target: "/files/a.bin",
      headers: range("0-299999,400000-699999"),
    })
    return { ...made, file: path.join(made.root, "a.bin"), opened }
  }

  it("is never held in memory as a whole, with back-pressure", async () => {
    const { opened } = await large()
    const sizes: Array<number> = []
    await new Promise<void>((resolve, reject) => {
      const flow = opened.body.read({
        data: (chunk) => {
          sizes.push(chunk.length)
          setImmediate(() => flow.resume())
          return false
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.strictEqual(
      sizes.reduce((a, b) => a + b, 0),
      opened.body.length,
    )
    assert.isAtMost(Math.max(...sizes), 512 * 1024)
    assert.isUndefined(opened.body.whole)
  })

  it("may be resumed from within", async () => {
    const { opened } = await large()
    let received = 0
    await new Promise<void>((resolve, reject) => {
      const flow = opened.body.read({
        data: (chunk) => {
          received += chunk.length
          flow.resume()
          return false
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.strictEqual(received, opened.body.length)
  })

  it("fails with `cut` when the file shrinks, without padding or a closing boundary", async () => {
    const { base, file, opened } = await large()
    fs.truncateSync(file, 350_000)
    const { bytes, failure } = await readBody(opened.body)
    assert.strictEqual(failure?.reason, "cut")
    assert.isBelow(bytes.length, opened.body.length as number)
    assert.isTrue(bytes.includes(content.subarray(0, 300_000)))
    assert.notMatch(bytes.toString("latin1"), /--\r\n$/)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("reads the file that was opened if it grows or is replaced", async () => {
    const { base, file, opened } = await large()
    fs.appendFileSync(file, "more")
    fs.writeFileSync(path.join(base, "next"), Buffer.alloc(size))
    fs.renameSync(path.join(base, "next"), file)
    const { bytes } = await readBody(opened.body)
    const type = opened.head.headers.find(([name]) => name === "Content-Type")?.[1] ?? ""
    for (const part of parseMultipart(type, bytes)) {
      assert.strictEqual(part.size, size)
      assert.isTrue(part.bytes.equals(content.subarray(part.first, part.last + 1)))
    }
  })

  it("closes the file when the visitor leaves at any piece", async () => {
    for (let stop = 1; stop < 8; stop++) {
      const { base, opened } = await large()
      await new Promise<void>((resolve) => {
        let count = 0
        const flow = opened.body.read({
          data: () => {
            if (++count < stop) return true
            flow.cancel()
            resolve()
            return true
          },
          end: () => resolve(),
          fail: (error: BodyError) => assert.fail(error.message),
        })
      })
      opened.cancel()
      assert.deepStrictEqual(await untilClosed(base), [])
    }
    const { base, opened } = await large()
    opened.body.discard()
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})
