/**
 * What a server gets of a visitor's request beside its head.
 */
import { assert, describe, it } from "@effect/vitest"
import * as AuthRules from "../../../src/domain/config/AuthRules.ts"
import { empty, type RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { derive } from "../../../src/relay/settings/DerivedConfig.ts"
import * as RequestFields from "../../../src/relay/visitors/RequestFields.ts"
import { type Body, fromBytes } from "../../../src/transport/body/Body.ts"

const trailing = (trailers: HeaderList, content?: Uint8Array): Body => ({
  length: undefined,
  whole: undefined,
  ...(content === undefined ? {} : { content }),
  discard: () => {},
  read: (sink) => {
    sink.data(Buffer.from("x"))
    sink.end(trailers)
    return { resume: () => {}, cancel: () => {} }
  },
})

const trailersOf = (body: Body): HeaderList => {
  let given: HeaderList = []
  body.read({
    data: () => true,
    end: (trailers) => {
      given = trailers
    },
    fail: () => {},
  })
  return given
}

const withUserHeader = (userHeader: string): RelayConfig => ({
  ...empty,
  frontendAuth: { ...AuthRules.none, userHeader },
})

describe("the trailers of a request", () => {
  const trailers = [
    ["Remote-User", "eve"],
    ["remote_user", "eve"],
    ["X-Sum", "1"],
  ] as const

  it("have no field in which a proxy names the visitor, in any spelling", () => {
    for (const name of ["remote-user", "remote_user"]) {
      const body = RequestFields.bodyOf(derive(withUserHeader(name)), trailing(trailers))
      assert.deepStrictEqual(trailersOf(body), [["X-Sum", "1"]])
    }
  })

  it("are as they are for a relay that asks nobody who it is", () => {
    const body = RequestFields.bodyOf(derive(empty), trailing(trailers))
    assert.deepStrictEqual(trailersOf(body), trailers)
  })

  it("leave what comes with a change of protocol, and bodies without any, alone", () => {
    const derived = derive(withUserHeader("remote-user"))
    const content = Buffer.from("content")
    assert.strictEqual(RequestFields.bodyOf(derived, trailing([], content)).content, content)
    const whole = fromBytes(Buffer.from("whole"))
    assert.strictEqual(RequestFields.bodyOf(derived, whole), whole)
  })
})

describe("the destination of a request in path mode", () => {
  const forwarded = (prefix: string, destination: string) => {
    const { headers } = RequestFields.forward(
      derive(empty),
      {
        head: {
          method: "MOVE",
          target: `${prefix}/a`,
          headers: [
            ["Host", "relay.example"],
            ["Destination", destination],
          ],
        },
        body: fromBytes(new Uint8Array(0)),
        address: "192.0.2.1",
        secure: false,
        upgrade: false,
        notes: undefined,
      },
      prefix,
      undefined,
    )
    return headers.find(([name]) => name === "Destination")?.[1]
  }

  it("leads to the same server below each of its prefixes, in any spelling", () => {
    for (const prefix of ["/servers/dav", "/frontend/servers/dav"])
      for (const other of [
        "/servers/dav",
        "/frontend/servers/dav",
        "/servers/d%61v",
        "/%66rontend/servers/dav",
      ])
        assert.strictEqual(
          forwarded(prefix, `http://relay.example${other}/b%20c`),
          "http://relay.example/b%20c",
          `${prefix} ${other}`,
        )
  })

  it("stays as it is below another prefix", () => {
    for (const other of ["/servers/davs/b", "/frontend/dav/b", "/b"])
      assert.strictEqual(forwarded("/servers/dav", other), other)
    assert.strictEqual(forwarded("/scraper/servers/dav", "/servers/dav/b"), "/servers/dav/b")
  })
})
