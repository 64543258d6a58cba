/**
 * The predicates that the codecs use accept exactly what the schemas accept.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { HeaderName, HeaderValue, isName, isValue } from "../../src/domain/HeaderList.ts"
import { isRequestId, RequestId } from "../../src/domain/RequestId.ts"
import { isServerName, ServerName } from "../../src/domain/ServerName.ts"
import * as Message from "../../src/protocol/Message.ts"
import { Edits, mutate } from "./Mutation.ts"

type TextRule = readonly [
  name: string,
  schema: Schema.Codec<string, string>,
  predicate: (text: string) => boolean,
]

const textRules: ReadonlyArray<TextRule> = [
  ["a field name", HeaderName, isName],
  ["a field value", HeaderValue, isValue],
  ["a request id", RequestId, isRequestId],
  ["a server name", ServerName, isServerName],
  ["a method", Message.Method, Message.isMethod],
  ["a target", Message.Target, Message.isTarget],
]

const numberRules = [
  ["a status", Message.Status, Message.isStatus],
  ["a final status", Message.FinalStatus, Message.isFinalStatus],
] as const

describe("a predicate and its schema", () => {
  for (const [name, schema, predicate] of textRules) {
    it.prop(`accept the same texts as ${name}`, [schema], ([legal]) => {
      assert.isTrue(predicate(legal))
    })

    it.prop(`refuse the same texts as ${name}`, [schema, Edits], ([legal, edits]) => {
      const text = mutate(Buffer.from(legal, "latin1"), edits).toString("latin1")
      assert.strictEqual(predicate(text), Schema.is(schema)(text))
    })

    it.prop(`agree about arbitrary texts as ${name}`, [Schema.String], ([text]) => {
      assert.strictEqual(predicate(text), Schema.is(schema)(text))
    })
  }

  for (const [name, schema, predicate] of numberRules)
    it(`accept the same numbers as ${name}`, () => {
      for (let status = -1; status <= 1000; status++)
        assert.strictEqual(predicate(status), Schema.is(schema)(status), `${status}`)
      for (const status of [200.5, Number.NaN, Number.POSITIVE_INFINITY])
        assert.isFalse(predicate(status), `${status}`)
    })
})

describe("a message", () => {
  it("has a method of up to 64 characters of a token", () => {
    assert.isTrue(Message.isMethod("M-SEARCH"))
    assert.isTrue(Message.isMethod("A".repeat(64)))
    for (const method of ["", "A".repeat(65), "GET ", "G\nT", "GÉT"])
      assert.isFalse(Message.isMethod(method), method)
  })

  it("has a target that starts with a slash and has no space, control character or DEL", () => {
    for (const target of ["/", "/?a=%20", "/\x80\xff"]) assert.isTrue(Message.isTarget(target))
    for (const target of ["", "a", "/ ", "/\n", "/\x7f", "/\u0100", "http://a/"])
      assert.isFalse(Message.isTarget(target), target)
  })

  it("has a final status or 101", () => {
    for (const status of [101, 200, 599, 600, 999]) assert.isTrue(Message.isStatus(status))
    for (const status of [100, 102, 199, 1000]) assert.isFalse(Message.isStatus(status))
    assert.isFalse(Message.isFinalStatus(101))
  })
})
