import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ShareStore } from "../../../src/fileserver/shares/ShareStore.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const later = 4_000_000_000

const place = () => path.join(temporaryFolder(), "state", "links.json")

describe("the uses of share links", () => {
  it("are counted over restarts, without writing all of them for each", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    const before = fs.readFileSync(file, "utf8")
    for (let i = 0; i < 3; i++) store.use("a", later)
    store.use("b", later)
    assert.strictEqual(fs.readFileSync(file, "utf8"), before)
    assert.strictEqual(fs.statSync(`${file}.uses`).mode & 0o777, 0o600)
    const again = new ShareStore(file)
    assert.deepStrictEqual([again.usesOf("a"), again.usesOf("b"), again.usesOf("c")], [3, 1, 0])
  })

  it("come into the file after many", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    for (let i = 0; i < 1_500; i++) store.use("a", later)
    assert.include(fs.readFileSync(file, "utf8"), `"a":{"count":1001,"expires":${later}}`)
    assert.strictEqual(new ShareStore(file).usesOf("a"), 1_500)
  })

  it("are read although the last was cut off, and the higher count holds", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    store.use("a", later)
    const { secret } = JSON.parse(fs.readFileSync(file, "utf8"))
    const uses = { a: { count: 5, expires: later }, wrong: { count: "x" } }
    fs.writeFileSync(file, JSON.stringify({ secret, uses }))
    fs.appendFileSync(`${file}.uses`, `b 2 ${later}\n__proto__ x\nc 7 4000`)
    const again = new ShareStore(file)
    assert.deepStrictEqual([again.usesOf("a"), again.usesOf("b"), again.usesOf("c")], [5, 2, 0])
    again.use("a", later)
    assert.strictEqual(new ShareStore(file).usesOf("a"), 6)
  })

  it("end with the secret", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    store.use("a", later)
    store.revoke()
    assert.isFalse(fs.existsSync(`${file}.uses`))
    assert.strictEqual(new ShareStore(file).usesOf("a"), 0)
  })

  it("are of so many links at once; those that have ended make room", () => {
    const store = new ShareStore(place(), 2)
    store.ensureSecret()
    store.use("ended", 1)
    store.use("a", later)
    assert.isTrue(store.canCount("b"))
    store.use("b", later)
    assert.isTrue(store.canCount("a"))
    assert.isFalse(store.canCount("c"))
  })

  it("that could not be appended are stored with the next ones", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    fs.mkdirSync(`${file}.uses`)
    assert.throws(() => store.use("a", later))
    assert.strictEqual(store.usesOf("a"), 1)
    fs.rmdirSync(`${file}.uses`)
    store.use("b", later)
    assert.deepStrictEqual([new ShareStore(file).usesOf("a"), store.usesOf("b")], [1, 1])
  })

  it("that could not come into the file are stored with the next ones", () => {
    const file = place()
    const store = new ShareStore(file)
    store.ensureSecret()
    for (let i = 0; i < 1_000; i++) store.use(`link${i}`, later)
    const temporary = `${file}.${process.pid}`
    fs.mkdirSync(temporary)
    assert.throws(() => store.use("link0", later))
    fs.rmdirSync(temporary)
    store.use("another", later)
    const again = new ShareStore(file)
    assert.deepStrictEqual([again.usesOf("link0"), again.usesOf("another")], [2, 1])
  })
})
