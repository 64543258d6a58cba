import { assert, describe, it } from "@effect/vitest"
import { Locks, maxLocks, maxSeconds, type NewLock } from "../../../src/fileserver/change/Locks.ts"

const lock = (real: string, more: Partial<NewLock> = {}): NewLock => ({
  real,
  address: real,
  deep: false,
  owner: "",
  scope: "exclusive",
  seconds: 10,
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
    for (let i = 0; i < maxLocks; i++) assert.isObject(locks.add(lock("/a", { scope: "shared" })))
    assert.strictEqual(locks.add(lock("/b")), "full")
    now = 10_000
    assert.isObject(locks.add(lock("/b")))
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
