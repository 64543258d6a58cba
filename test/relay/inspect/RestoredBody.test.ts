/**
 * The text of an edited body gets back the secrets that were sent, beside the
 * names that they had, and only where they are masked again.
 */
import { assert, describe, it } from "@effect/vitest"
import * as RedactSecrets from "../../../src/relay/inspect/RedactSecrets.ts"
import * as RestoredBody from "../../../src/relay/inspect/RestoredBody.ts"

const json = "application/json"
const form = "application/x-www-form-urlencoded"

/** What is sent of a text that was edited, where another one had been recorded. */
const restored = (sent: string, edited: string, type: string): string | undefined =>
  RestoredBody.restore(edited, RedactSecrets.body(sent, type), sent, [type])

describe("an edited body", () => {
  it.each([
    [
      "JSON",
      json,
      '{"a":1,"password":"hush"}',
      '{"a":2,"password":"***"}',
      '{"a":2,"password":"hush"}',
    ],
    [
      "JSON in another order",
      json,
      '{"password":"hush","token":"hist"}',
      '{ "token": "***", "b": 1, "password": "***" }',
      '{ "token": "hist", "b": 1, "password": "hush" }',
    ],
    [
      "a form",
      form,
      "user=ann&password=hu%26sh",
      "user=bob&password=***",
      "user=bob&password=hu%26sh",
    ],
    [
      "two of the same name, in their order",
      json,
      '[{"pin":"12"},{"pin":"34"}]',
      '[{"pin":"***"},{"pin":"***"},1]',
      '[{"pin":"12"},{"pin":"34"},1]',
    ],
  ])("has the secrets of %s again", (_, type, sent, edited, expected) => {
    assert.notInclude(RedactSecrets.body(sent, type), "hush")
    assert.strictEqual(restored(sent, edited, type), expected)
  })

  it.each([
    ["another name", '{"note":"***"}'],
    ["more masks than secrets", '{"password":"***","x":{"password":"***"}}'],
    ["a value that would show the secret", '{"note":{"password":"x","text":"say password=***"}}'],
    ["a text that is not masked again", 'see {"password":"***"} here "x'],
  ])("is not sent with %s", (_, edited) =>
    assert.isUndefined(restored('{"password":"hush"}', edited, json)),
  )

  it("takes no time for names without end, nor for secrets without number", () => {
    const long = `{"${"a".repeat(60_000)}": 1, "password": "***"}`
    const sent = long.replace("***", "hush")
    assert.strictEqual(restored(sent, long.replace("1", "2"), json), sent.replace("1", "2"))
    const many = `[${Array(1_001).fill('{"pin":"***"}').join()}]`
    assert.isUndefined(restored(many.replaceAll("***", "12"), `${many} `, json))
  })
})
