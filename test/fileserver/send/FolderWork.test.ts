import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as FolderWork from "../../../src/fileserver/send/FolderWork.ts"
import { openHandler, readBody } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

const limits: FolderWork.Limits = {
  maxWorking: 2,
  maxWaiting: 3,
  maxHeldBytes: 1_000_000,
  patience: 100,
  stalledAfter: 50,
}

const crowd = () => {
  let time = 0
  const work = new FolderWork.FolderWork(limits, () => time)
  const events: Array<string> = []
  const leaves = new Map<string, () => void>()
  const gone = new Set<string>()
  const enter = (name: string): void =>
    work.enter({
      isCancelled: () => gone.has(name),
      refuse: () => events.push(`${name} refused`),
      start: (leave) => {
        events.push(`${name} started`)
        leaves.set(name, leave)
      },
    })
  const pass = (millis: number): void => {
    time += millis
    work.sweep()
  }
  const leave = (name: string): void => leaves.get(name)?.()
  return { work, events, enter, leave, pass, gone }
}

/** Reads the first bytes of a body and then nothing. */
const stall = (body: FolderWork.HeldBody) => {
  const state: { failure: string | undefined } = { failure: undefined }
  const flow = body.read({
    data: () => false,
    end: () => {},
    fail: ({ reason }) => {
      state.failure = reason
    },
  })
  return { state, flow }
}

describe("reading folders", () => {
  it("is done a few at a time, in order, and further requests are refused", () => {
    const { enter, events, leave } = crowd()
    for (const name of ["a", "b", "c", "d", "e", "f"]) enter(name)
    assert.deepStrictEqual(events, ["a started", "b started", "f refused"])
    leave("a")
    leave("a")
    assert.deepStrictEqual(events.slice(3), ["c started"])
    leave("b")
    leave("c")
    assert.deepStrictEqual(events.slice(4), ["d started", "e started"])
  })

  it("is refused to those who have waited for too long, and those who left make room", () => {
    const { enter, events, gone, pass } = crowd()
    for (const name of ["a", "b", "c", "d", "e"]) enter(name)
    gone.add("c")
    pass(60)
    enter("f")
    assert.deepStrictEqual(events.slice(2), ["c started"])
    pass(60)
    assert.deepStrictEqual(events.slice(3), ["d refused", "e refused"])
  })

  it("waits while unread answers take too much memory", async () => {
    const { enter, events, leave, work } = crowd()
    enter("a")
    leave("a")
    const body = work.holdBytes(new Uint8Array(1_000_000))
    enter("b")
    assert.deepStrictEqual(events, ["a started"])
    const { bytes, failure } = await readBody(body)
    assert.isUndefined(failure)
    assert.strictEqual(bytes.length, 1_000_000)
    assert.deepStrictEqual(events, ["a started", "b started"])
  })

  it("cuts off answers that nobody reads if others wait, and no others", async () => {
    const { enter, events, pass, work } = crowd()
    const [unread, slow, lost] = [1, 2, 3].map(() => work.holdBytes(new Uint8Array(400_000))) as [
      FolderWork.HeldBody,
      FolderWork.HeldBody,
      FolderWork.HeldBody,
    ]
    const reader = stall(slow)
    const idler = stall(lost)
    await Promise.resolve()
    pass(60)
    assert.isUndefined(idler.state.failure, "nobody waits")
    enter("a")
    reader.flow.resume()
    pass(1)
    assert.deepStrictEqual(events, ["a started"])
    const failures = [unread, lost].filter((body) => body.isOver)
    assert.strictEqual(failures.length, 1, "one is enough")
    assert.isFalse(slow.isOver)
    assert.strictEqual((await readBody(unread)).failure?.reason, unread.isOver ? "cut" : undefined)
    reader.flow.cancel()
    idler.flow.cancel()
    assert.isTrue(slow.isOver && lost.isOver)
  })
})

it("unread lists of a large folder are limited, and are there again once they were read", async () => {
  const { base, handler, root } = await servedFolder({ "a.txt": "still here" })
  fs.mkdirSync(path.join(root, "many"))
  for (let i = 0; i < 400; i++) {
    fs.writeFileSync(path.join(root, "many", `${i}-${"x".repeat(200)}`), "")
  }
  const ask = () => openHandler(handler, { target: "/files/many/?json" })
  const unread = await Promise.all(Array.from({ length: 16 }, ask))
  assert.isTrue(unread.every(({ head }) => head.status === 200))
  const answer = await openHandler(handler, { target: "/files/a.txt" })
  assert.strictEqual((await readBody(answer.body)).bytes.toString(), "still here")
  for (const { cancel } of unread) cancel()
  const { bytes } = await readBody((await ask()).body)
  assert.strictEqual(
    (JSON.parse(bytes.toString()) as { readonly entries: ReadonlyArray<unknown> }).entries.length,
    400,
  )
  assert.deepStrictEqual(await untilClosed(base), [])
})
