/**
 * How the places of a server are shared between the networks of its visitors.
 */
import { assert, describe, it } from "@effect/vitest"
import type { RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { minimumShare, ServerPlaces } from "../../../src/relay/visitors/ServerPlaces.ts"
import { type Body, type BodySink, empty } from "../../../src/transport/body/Body.ts"
import type { Reply } from "../../../src/transport/body/Handler.ts"
import type { FrontRequest } from "../../../src/transport/front/FrontRequest.ts"

const attic = "attic" as ServerName

/** A body of which the test pushes the bytes. */
const pushed = () => {
  let sink: BodySink | undefined
  let cancelled = false
  const body: Body = {
    length: undefined,
    whole: undefined,
    read: (to) => {
      sink = to
      return { resume: () => {}, cancel: () => (cancelled = true) }
    },
    discard: () => {},
  }
  return { body, push: () => sink?.data(new Uint8Array(1)), isCancelled: () => cancelled }
}

/** A server with so many places, and a clock that the test moves. */
const harness = (total: number) => {
  let free = total
  let millis = 0
  const config = { trustedProxies: [] } as unknown as RelayConfig
  const places = new ServerPlaces(
    () => config,
    () => millis,
  )
  /** One request of an address, which the server takes and does not answer. */
  const ask = (address: string, body: Body = empty) => {
    millis += 1
    let state: "refused" | "running" | "ended" = "refused"
    const told: Array<string> = []
    let handlersReply: Reply | undefined
    let handlersBody: Body | undefined
    const reply: Reply = {
      inform: () => {},
      fail: ({ code }) => told.push(code),
      respond: (_, response) => {
        told.push("response")
        if (response.whole === undefined)
          response.read({
            data: () => true,
            end: () => {},
            fail: ({ reason }) => told.push(reason),
          })
      },
    }
    const request = { address, body, head: { headers: [] } } as unknown as FrontRequest
    const leave = places.enter(attic, free, request, reply, (body, reply) => {
      state = "running"
      free -= 1
      handlersReply = reply
      handlersBody = body
      return () => {
        if (state === "running") free += 1
        state = "ended"
      }
    })
    return {
      told,
      leave,
      state: () => state,
      reply: () => handlersReply as Reply,
      body: () => handlersBody as Body,
    }
  }
  /** How many of so many requests of an address run. */
  const flood = (address: string, count = 1_000): number =>
    Array.from({ length: count }, () => ask(address)).filter((one) => one.state() === "running")
      .length
  return {
    ask,
    flood,
    free: () => free,
    passes: (by: number) => {
      millis += by
    },
  }
}

const ignored = { data: () => true, end: () => {}, fail: () => {} }

describe("the places of a server", () => {
  it("are shared by networks: however many one takes, there are some for the next", () => {
    const on = harness(1024)
    const addresses = ["2001:db8:1::1", "2001:db8:1:2::1", "192.0.2.1", "192.0.2.9"]
    assert.deepStrictEqual(
      addresses.map((address) => on.flood(address)),
      [512, 0, 256, 0],
    )
    assert.strictEqual(on.flood("127.0.0.1"), 1_000)
  })

  it("are free again once the visitor has left or the server has answered", () => {
    const on = harness(4)
    const [first, second] = [on.ask("192.0.2.1"), on.ask("192.0.2.1")]
    assert.strictEqual(on.ask("192.0.2.1").state(), "refused")
    first?.leave()
    assert.strictEqual(on.ask("192.0.2.1").state(), "running")
    second?.reply().respond({ status: 200, headers: [] }, empty)
    second?.leave()
    assert.deepStrictEqual(second?.told, ["response"])
    assert.strictEqual(on.ask("192.0.2.1").state(), "running")
  })

  it("are not all kept by a few networks: a new one gets the minimum share", () => {
    const on = harness(1024)
    for (let i = 0; i < 12; i++) on.flood(`10.0.${i}.1`)
    assert.strictEqual(on.free(), 0)
    assert.strictEqual(on.flood("203.0.113.5"), minimumShare)
    assert.strictEqual(on.flood("2001:db8::1"), minimumShare)
    assert.strictEqual(on.free(), 0)
  })

  it("are one for each network if there are as many networks as places", () => {
    const on = harness(64)
    for (let i = 0; i < 64; i++) on.flood(`10.0.${i}.1`, 16)
    for (let i = 0; i < 64; i++) assert.strictEqual(on.ask(`10.0.${i}.1`).state(), "refused")
    assert.strictEqual(on.free(), 0)
  })

  it("of a server of classic, which does not tell how many it has, are 2,048", () => {
    const on = harness(Number.POSITIVE_INFINITY)
    assert.strictEqual(on.flood("192.0.2.1", 3_000), 1024)
    assert.strictEqual(on.flood("198.51.100.1", 3_000), 512)
  })
})

describe("a request that is ended for another network's", () => {
  it("is the one that has stood still for the longest time, and gets 429", () => {
    const on = harness(4)
    const upload = pushed()
    const moving = on.ask("192.0.2.1", upload.body)
    moving.body().read(ignored)
    const standing = on.ask("192.0.2.1")
    const later = on.ask("192.0.2.1")
    // Loopback is not limited, so it takes what is left.
    on.flood("127.0.0.1", on.free())
    upload.push()
    const other = on.ask("198.51.100.7")
    assert.deepStrictEqual(
      [moving, standing, later, other].map(({ state }) => state()),
      ["running", "ended", "refused", "running"],
    )
    assert.deepStrictEqual(standing.told, ["PTTH_TOO_MANY_REQUESTS"])
    assert.deepStrictEqual(later.told, ["PTTH_TOO_MANY_REQUESTS"])
  })

  it("is broken off if its response has begun", () => {
    const on = harness(4)
    const download = pushed()
    const standing = on.ask("192.0.2.1")
    standing.reply().respond({ status: 200, headers: [] }, download.body)
    on.ask("192.0.2.1")
    on.flood("127.0.0.1", on.free())
    assert.strictEqual(on.ask("198.51.100.7").state(), "running")
    assert.deepStrictEqual(standing.told, ["response", "limit"])
    assert.isTrue(download.isCancelled())
    assert.strictEqual(standing.state(), "ended")
  })

  it("is not answered by the server any more", () => {
    const on = harness(4)
    const standing = on.ask("192.0.2.1")
    on.ask("192.0.2.1")
    on.flood("127.0.0.1", on.free())
    on.ask("198.51.100.7")
    standing.reply().respond({ status: 200, headers: [] }, empty)
    standing.leave()
    assert.deepStrictEqual(standing.told, ["PTTH_TOO_MANY_REQUESTS"])
    assert.strictEqual(on.free(), 0)
  })
})
