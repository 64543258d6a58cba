import { assert, describe, it } from "@effect/vitest"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { keepingScripts, onlyOwnHosts } from "../../../src/transport/front/HostCheck.ts"
import { callHandler } from "../../support/callHandler.ts"

const answering =
  (patterns: ReadonlyArray<string> | undefined, ...fields: HeaderList): Handler =>
  (head, body, reply) =>
    onlyOwnHosts(
      keepingScripts(
        (_, inner) => {
          inner.respond({ status: 200, headers: fields }, body)
          return () => {}
        },
        () => patterns,
      ),
      () => patterns,
    )({ head, body, address: "127.0.0.1", secure: false, upgrade: false, notes: undefined }, reply)

const policyOf = async (handler: Handler, host = "127.0.0.1:8080") => {
  const answer = await callHandler(handler, { target: "/a.js", headers: [["Host", host]] })
  return answer.header("cross-origin-resource-policy")
}

const script = ["Content-Type", "text/javascript; charset=utf-8"] as const

describe("what listens on loopback", () => {
  it("lets no page of another site load its scripts, which it could run", async () => {
    assert.strictEqual(await policyOf(answering([], script)), "same-site")
    assert.strictEqual(await policyOf(answering(["a.example"], script), "a.example"), "same-site")
    const json = ["content-type", "application/ld+json"] as const
    assert.strictEqual(await policyOf(answering([], json)), "same-site")
  })

  it("lets pages without an origin, as those of an untrusted folder are, load the rest", async () => {
    for (const type of ["image/png", "text/css", "text/html", "font/woff2"])
      assert.isUndefined(await policyOf(answering([], ["Content-Type", type])))
    assert.isUndefined(await policyOf(answering([])))
  })

  it("leaves that to a response that says otherwise, or to whoever lets every host in", async () => {
    const own = ["cross-origin-resource-policy", "cross-origin"] as const
    assert.strictEqual(await policyOf(answering([], script, own)), "cross-origin")
    assert.isUndefined(await policyOf(answering(["*"], script), "a.example"))
    assert.isUndefined(await policyOf(answering(undefined, script), "a.example"))
  })

  it("refuses other hosts", async () => {
    const refused = callHandler(answering([]), { target: "/", headers: [["Host", "evil.example"]] })
    const code = await refused.then(
      ({ status }) => status,
      (error: ExchangeError) => error.code,
    )
    assert.strictEqual(code, "PTTH_WRONG_HOST")
  })
})
