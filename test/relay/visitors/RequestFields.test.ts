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
