/**
 * Which names a live view shows, and which of them is selected.
 */
import { assert, it } from "@effect/vitest"
import { ServiceList } from "../../../src/cli/terminal/ServiceList.ts"

const setting = () => {
  const changes = { count: 0 }
  const list = new ServiceList(() => {
    changes.count += 1
  })
  return { list, changes, names: () => list.states.map(({ name }) => name) }
}

it("a name is shown once there is something to show of it", () => {
  const { changes, list, names } = setting()
  const one = list.add("one")
  one.setOrigin("nothing answers")
  assert.deepStrictEqual(names(), [])
  one.setAddress("http://one/")
  assert.deepStrictEqual(list.states, [
    { name: "one", address: "http://one/", link: undefined, originProblem: "nothing answers" },
  ])
  assert.strictEqual(changes.count, 2)
})

it("a name that comes again takes its place, which the end of the one before does not change", () => {
  const { list, names } = setting()
  const one = list.add("one")
  one.setAddress("http://one/")
  list.add("two").setAddress("http://two/")
  const again = list.add("one")
  again.setAddress("http://one.again/")
  one.remove()
  assert.deepStrictEqual(names(), ["one", "two"])
  assert.strictEqual(list.address, "http://one.again/")
  again.remove()
  assert.deepStrictEqual(names(), ["two"])
})

it("a name that was replaced or removed does not come back, whatever becomes of its links", () => {
  const { list, names } = setting()
  const one = list.add("one")
  one.setAddress("http://one/")
  const again = list.add("one")
  again.setAddress("http://one.again/")
  one.setLink(() => ({ _tag: "Connecting" }))
  assert.strictEqual(list.address, "http://one.again/")
  again.remove()
  again.setLink(() => ({ _tag: "Connecting" }))
  assert.deepStrictEqual(names(), [])
})

it("the first name is selected, then each in turn, and the first again if it goes", () => {
  const { list } = setting()
  assert.isUndefined(list.address)
  list.next()
  list.add("one").setAddress("http://one/")
  const two = list.add("two")
  two.setAddress("http://two/")
  assert.strictEqual(list.selected, 0)
  list.next()
  assert.strictEqual(list.address, "http://two/")
  list.next()
  assert.strictEqual(list.address, "http://one/")
  list.next()
  two.remove()
  assert.strictEqual(list.selected, 0)
})
