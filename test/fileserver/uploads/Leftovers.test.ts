import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as Leftovers from "../../../src/fileserver/uploads/Leftovers.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler } from "../../support/callHandler.ts"
import { FedBody } from "../../support/Harness.ts"
import { temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const hour = 3600
const nameOf = (digit: string): string => `.ptth-upload-${digit.repeat(24)}`

/** A file as it is `age` seconds after the last write to it. */
const leave = (folder: string, name: string, age: number): void => {
  const file = path.join(folder, name)
  fs.writeFileSync(file, "half")
  const seconds = Date.now() / 1000 - age
  fs.utimesSync(file, seconds, seconds)
}

const serve = (root: string) =>
  Effect.runPromise(FileServer.make({ root, uploads: { overwrite: false } }))

describe("what killed uploads left", () => {
  it("is deleted a day later, when a file is uploaded to its folder, and nothing else is", async () => {
    const root = temporaryFolder()
    fs.mkdirSync(path.join(root, "other"))
    fs.mkdirSync(path.join(root, nameOf("d")))
    fs.utimesSync(path.join(root, nameOf("d")), 1, 1)
    leave(root, nameOf("a"), 25 * hour)
    leave(root, nameOf("b"), 23 * hour)
    leave(root, ".ptth-upload-notes", 1000 * hour)
    leave(root, `${nameOf("c")}.txt`, 1000 * hour)
    leave(root, "a.txt", 1000 * hour)
    leave(path.join(root, "other"), nameOf("a"), 25 * hour)
    const before = fs.readdirSync(root, { recursive: true, encoding: "utf8" })
    const handler = await serve(root)
    const body = Body.fromText("x")
    const put = await callHandler(handler, { method: "PUT", target: "/files/new", body })
    assert.strictEqual(put.status, 201)
    assert.sameMembers(fs.readdirSync(root, { recursive: true, encoding: "utf8" }), [
      ...before.filter((name) => name !== nameOf("a")),
      "new",
    ])
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it("is not a file that another server is still receiving", async () => {
    const root = temporaryFolder()
    const [one, other] = [await serve(root), await serve(root)]
    const slow = new FedBody()
    const answer = callHandler(one, { method: "PUT", target: "/files/slow", body: slow })
    await slow.untilRead()
    slow.feed("first ")
    const temporary = fs.readdirSync(root)
    assert.strictEqual(temporary.length, 1)
    const body = Body.fromText("x")
    const put = await callHandler(other, { method: "PUT", target: "/files/quick", body })
    assert.strictEqual(put.status, 201)
    assert.sameMembers(fs.readdirSync(root), [...temporary, "quick"])
    slow.feed("second")
    slow.end()
    assert.strictEqual((await answer).status, 201)
    assert.strictEqual(fs.readFileSync(path.join(root, "slow"), "utf8"), "first second")
  })

  it("is searched for once an hour in each folder; errors are ignored", async () => {
    const root = temporaryFolder()
    const leftovers = Leftovers.make()
    const now = Date.now()
    await leftovers.sweep(root, root, now)
    leave(root, nameOf("a"), 25 * hour)
    await leftovers.sweep(root, root, now + 59 * 60_000)
    assert.deepStrictEqual(fs.readdirSync(root), [nameOf("a")])
    await leftovers.sweep("elsewhere", path.join(root, "absent"), now + 59 * 60_000)
    await leftovers.sweep(root, root, now + 60 * 60_000)
    assert.deepStrictEqual(fs.readdirSync(root), [])
  })
})
