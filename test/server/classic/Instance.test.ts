/**
 * All requests of a classic server name its process, so that what stands before
 * several relays can send them to the same one.
 */
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../../support/Harness.ts"
import { listeningUrl } from "../../support/LocalServer.ts"

/** Passes requests on to the relay; tells the steps of the protocol, and who asked for them. */
const recorder = Effect.fnUntraced(function* (relay: Harness.TestRelay) {
  const requests: Array<{ readonly step: string; readonly instance: unknown }> = []
  const server = http.createServer((request, response) => {
    const { headers, method, url = "" } = request
    requests.push({
      step: url.split("/")[2] ?? "",
      instance: headers["x-ptth-instance"],
    })
    const onward = http.request(relay.url + url, { method, headers, agent: false })
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on("error", () => {}).pipe(response)
    })
    onward.on("error", () => response.destroy())
    response.on("close", () => onward.destroy())
    request.pipe(onward)
  })
  return { requests, url: yield* listeningUrl(server) }
})

describe("a classic server", () => {
  it.effect("names its process in listens, responses and fetches of a body", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const { requests, url } = yield* recorder(relay)
      const server = yield* Harness.serverAt(url, "demo", Harness.echo)
      yield* Harness.until("it is connected", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      yield* Harness.get(relay, "/servers/demo/small")
      yield* Harness.visit(relay, "/servers/demo/large", {
        method: "POST",
        body: Buffer.alloc(1024 * 1024),
      })
      const steps = new Set(requests.map(({ step }) => step))
      assert.sameMembers(
        [...steps],
        ["http_listen", "http_request", "http_response", "http_responses"],
      )
      const instances = new Set(requests.map(({ instance }) => instance))
      assert.strictEqual(instances.size, 1)
      assert.match(`${[...instances][0]}`, /^[0-9A-Z]{26}$/)
    }),
  )
})
