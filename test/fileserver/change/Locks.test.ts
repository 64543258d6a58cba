import { assert, describe, it } from "@effect/vitest"
import {
  Locks,
  maxLocks,
  maxSeconds,
  maxShared,
  type NewLock,
} from "../../../src/fileserver/change/Locks.ts"

const lock = (real: string, more: Partial<NewLock> = {}): NewLock => ({
  real,
  address: real,
  deep: false,
  owner: "",
  scope: "exclusive",
  seconds: 10,
  visitor: "192.0.2.1",
  ...more,
})

const none: ReadonlySet<string> = new Set()

describe("locks", () => {
  it("hold for a while, and longer if they are refreshed, but an hour at most", () => {
    let now = 0
    const locks = new Locks(() => now)
    const made = locks.add(lock("/a"))
    assert.isTrue(typeof made === "object" && "token" in made)
    const token = typeof made === "object" && "token" in made ? made.token : ""
    now = 9_000
    assert.isTrue(locks.isLocked("/a"))
    assert.strictEqual(locks.refresh(token, 1e9)?.seconds, maxSeconds)
    now += maxSeconds * 1000 - 1
    assert.isTrue(locks.isLocked("/a"))
    now += 1
    assert.isFalse(locks.isLocked("/a"))
    assert.isUndefined(locks.refresh(token, 10))
  })

  it("are limited in number, until some end", () => {
    let now = 0
    const locks = new Locks(() => now)
    for (let i = 0; i < maxLocks; i++) assert.isObject(locks.add(lock(`/${i}`)))
    assert.strictEqual(locks.add(lock("/b")), "full")
    now = 10_000
    assert.isObject(locks.add(lock("/b")))
  })

  it("of a network that has made the most make room for another network's", () => {
    const locks = new Locks(() => 0)
    locks.add(lock("/first", { seconds: 5 }))
    for (let i = 1; i < maxLocks; i++) locks.add(lock(`/${i}`))
    assert.isObject(locks.add(lock("/b", { visitor: "198.51.100.7" })))
    assert.isFalse(locks.isLocked("/first"))
    assert.isTrue(locks.isLocked("/b"))
    assert.strictEqual(locks.add(lock("/c", { visitor: "192.0.2.99" })), "full")
  })

  it("that are shared are few for a path, also through folders around it", () => {
    const locks = new Locks(() => 0)
    const shared = { scope: "shared", deep: true } as const
    for (let i = 0; i < maxShared - 1; i++) locks.add(lock("/dir/sub", shared))
    assert.isObject(locks.add(lock("/dir", shared)))
    assert.strictEqual(locks.add(lock("/dir/sub/a", shared)), "full")
    assert.strictEqual(locks.add(lock("/dir", shared)), "full")
    assert.isObject(locks.add(lock("/dir/b", shared)))
  })

  it("of a folder hold for what is in it, and conflict with those in it", () => {
    const locks = new Locks(() => 0)
    locks.add(lock("/dir", { deep: true }))
    assert.isTrue(locks.isLocked("/dir/sub/a"))
    assert.isFalse(locks.isLocked("/dir2"))
    assert.isTrue("conflict" in (locks.add(lock("/dir/a")) as object))
    locks.forget("/dir")
    locks.add(lock("/dir/a"))
    assert.isTrue("conflict" in (locks.add(lock("/dir", { deep: true })) as object))
    assert.isDefined(locks.blocking("/dir", none, true))
    assert.isUndefined(locks.blocking("/dir", none))
  })
})
