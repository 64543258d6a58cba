/**
 * Connections to a host of several addresses: which address is tried when, and
 * that a slow one is not given up.
 */
import type { LookupAddress } from "node:dns"
import { Socket } from "node:net"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as HappyEyeballs from "../../../src/transport/client/HappyEyeballs.ts"

const four = (address: string): LookupAddress => ({ address, family: 4 })
const six = (address: string): LookupAddress => ({ address, family: 6 })

/** After how many milliseconds an address answers, or the code that it fails with at once; silent if neither. */
type Answers = { readonly [address: string]: number | string }

/** A connection to a host of these addresses, and what has become of it. */
const connecting = (addresses: ReadonlyArray<LookupAddress>, answers: Answers) => {
  const tried: Array<string> = []
  const sockets: Array<Socket> = []
  let outcome: string | undefined
  HappyEyeballs.connect(
    { host: "relay.example.com", port: 443 },
    (error, socket) => {
      outcome = error?.code ?? tried[sockets.indexOf(socket as Socket)]
    },
    {
      lookup: (_host, done) => done(null, addresses),
      connect: ({ host }) => {
        const socket = new Socket()
        tried.push(host)
        sockets.push(socket)
        const answer = answers[host]
        if (typeof answer === "number")
          setTimeout(() => socket.destroyed || socket.emit("connect"), answer)
        if (typeof answer === "string")
          setTimeout(() => socket.emit("error", Object.assign(new Error(), { code: answer })), 0)
        return socket
      },
    },
  )
  const outcomeAfter = (millis: number): string | undefined => {
    vi.advanceTimersByTime(millis)
    return outcome
  }
  return { outcomeAfter, sockets, tried }
}

describe("a host of several addresses", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
  afterEach(() => void vi.useRealTimers())

  it("is reached at a slow address although this machine has no way to the other", () => {
    const { outcomeAfter, tried } = connecting([four("192.0.2.1"), six("2001:db8::1")], {
      "192.0.2.1": 900,
      "2001:db8::1": "ENETUNREACH",
    })
    assert.isUndefined(outcomeAfter(899))
    assert.deepStrictEqual(tried, ["192.0.2.1", "2001:db8::1"])
    assert.strictEqual(outcomeAfter(1), "192.0.2.1")
  })

  it("is reached at the second address a quarter of a second later if the first is silent", () => {
    const { outcomeAfter, sockets } = connecting([six("2001:db8::1"), four("192.0.2.1")], {
      "192.0.2.1": 10,
    })
    assert.isUndefined(outcomeAfter(259))
    assert.strictEqual(outcomeAfter(1), "192.0.2.1")
    assert.isTrue(sockets[0]?.destroyed)
    assert.isFalse(sockets[1]?.destroyed)
  })

  it("is reached at the first address, and the second is not tried, if that answers soon", () => {
    const { outcomeAfter, tried } = connecting([six("2001:db8::1"), four("192.0.2.1")], {
      "2001:db8::1": 200,
    })
    assert.strictEqual(outcomeAfter(5_000), "2001:db8::1")
    assert.deepStrictEqual(tried, ["2001:db8::1"])
  })

  it("is asked at the next address at once if one refuses", () => {
    const { outcomeAfter } = connecting([four("127.0.0.1"), six("::1")], {
      "127.0.0.1": "ECONNREFUSED",
      "::1": 5,
    })
    assert.strictEqual(outcomeAfter(5), "::1")
  })

  it("fails with what says most", () => {
    const { outcomeAfter } = connecting([six("2001:db8::1"), four("192.0.2.1")], {
      "2001:db8::1": "ENETUNREACH",
      "192.0.2.1": "ECONNREFUSED",
    })
    assert.strictEqual(outcomeAfter(1), "ECONNREFUSED")
  })

  it("is given up after 20 s", () => {
    const { outcomeAfter, sockets } = connecting([four("192.0.2.1"), four("192.0.2.2")], {})
    assert.isUndefined(outcomeAfter(19_999))
    assert.strictEqual(outcomeAfter(1), "ETIMEDOUT")
    assert.isTrue(sockets.every(({ destroyed }) => destroyed))
  })

  it("has its addresses tried with both families in turn", () => {
    const order = (addresses: ReadonlyArray<LookupAddress>) =>
      HappyEyeballs.interleaved(addresses).map(({ address }) => address)
    assert.deepStrictEqual(order([six("a"), six("b"), six("c"), four("1")]), ["a", "1", "b", "c"])
    assert.deepStrictEqual(order([four("1"), six("a"), six("b")]), ["1", "a", "b"])
    assert.deepStrictEqual(order([]), [])
  })
})
