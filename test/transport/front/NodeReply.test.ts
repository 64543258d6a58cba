import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fromText } from "../../../src/transport/body/Body.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"

/** What a visitor gets from a handler that sends early hints first. */
const answerTo = (request: string) =>
  Effect.gen(function* () {
    const { host, port } = yield* serve({
      host: "127.0.0.1",
      port: 0,
      renderFailure: FailurePage.render,
      handler: (_request, reply) => {
        reply.inform?.({ status: 103, headers: [["Link", "</a>"]] })
        reply.respond({ status: 200, headers: [] }, fromText("done"))
        return () => {}
      },
    })
    return `${yield* Harness.raw({ host, port }, Buffer.from(request))}`
  })

describe("early hints", () => {
  it.live("are not sent to HTTP/1.0, which knows no interim responses", () =>
    Effect.gen(function* () {
      const answer = yield* answerTo("GET / HTTP/1.0\r\n\r\n")
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*done$/)
      assert.notInclude(answer, "103")
    }),
  )

  it.live("are sent before the response, whoever reads the request", () =>
    Effect.gen(function* () {
      for (const field of ["X: y", "TE: trailers"]) {
        const fields = `Host: x\r\nConnection: close\r\n${field}\r\n\r\n`
        const answer = yield* answerTo(`GET / HTTP/1.1\r\n${fields}`)
        assert.match(
          answer,
          /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*done$/,
        )
      }
    }),
  )
})
