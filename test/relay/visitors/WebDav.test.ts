/**
 * WebDAV in path mode: listings that lead visitors elsewhere, and destinations
 * on another server, are refused.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { parseDomain } from "../../../src/domain/ServerHost.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as WebDav from "../../../src/relay/visitors/WebDav.ts"
import * as Harness from "../../support/Harness.ts"

const listing = (href: string): string =>
  `<?xml version="1.0"?>\n<D:multistatus xmlns:D="DAV:"><D:response><D:href>${href}</D:href></D:response></D:multistatus>`

const xml = [["Content-Type", "application/xml; charset=utf-8"]] as const

describe("a listing in path mode", () => {
  it.live("reaches its visitor only if it names resources below the server's path", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["dav"],
        config: { domain: parseDomain("relay.example") },
      })
      const encodings: Array<boolean> = []
      let href = ""
      yield* Harness.server(
        relay,
        "dav",
        Harness.handler(({ head }) => {
          encodings.push(head.headers.some(([name]) => /^accept-encoding$/i.test(name)))
          return { status: 207, headers: xml, body: listing(href) }
        }),
      )
      const ask = (path: string, method = "PROPFIND", host: HeaderList = []) =>
        Harness.visit(relay, path, { method, headers: [...host, ["Accept-Encoding", "gzip"]] })

      for (href of [
        "/servers/dav/",
        `http://127.0.0.1:${relay.port}/servers/dav/a`,
        "a",
        "urn:x",
      ]) {
        const answer = yield* ask("/servers/dav/")
        assert.strictEqual(answer.status, 207, href)
        assert.strictEqual(answer.text, listing(href))
      }
      const wrong = ["/", "/a", "/servers/davs/", `http://127.0.0.1:${relay.port}/a`]
      for (href of [...wrong, "http://app.internal/a"]) {
        for (const method of ["PROPFIND", "REPORT", "SEARCH"]) {
          const answer = yield* ask("/servers/dav/", method)
          assert.strictEqual(answer.status, 501, href)
          assert.include(answer.text, "PTTH_UNKNOWN_PREFIX")
        }
      }
      assert.notInclude(encodings, true)

      // Other methods tell what has happened, and a host of its own has no prefix.
      assert.strictEqual((yield* ask("/servers/dav/", "PROPPATCH")).status, 207)
      const own = yield* ask("/", "PROPFIND", [["Host", "dav.relay.example"]])
      assert.strictEqual(own.status, 207)
      assert.deepStrictEqual(encodings.slice(-2), [true, true])
    }).pipe(Effect.scoped),
  )

  const visitor = { host: "relay.example", proto: "https", prefix: "/servers/dav" } as const

  /** What a visitor gets of a listing that arrives in these pieces. */
  const arriving = async (pieces: ReadonlyArray<string>, cut = false) => {
    const body = new Harness.FedBody()
    let failure: string | undefined
    let responded: Promise<Buffer> | undefined
    const reply = WebDav.reply("PROPFIND", visitor, {
      fail: ({ code }) => {
        failure = code
      },
      respond: (_, body) => {
        responded = Harness.readWhole(body)
      },
    })
    reply.respond({ status: 207, headers: xml }, body)
    for (const piece of pieces) if (!body.cancelled) body.feed(piece)
    if (cut) body.fail()
    else if (!body.cancelled) body.end()
    const text = await responded?.then(String, (error: Error) => error.name)
    return { failure, text, cancelled: body.cancelled }
  }

  it("is judged however its bytes arrive, and passed on whole", async () => {
    const right = listing("/servers/dav/x")
    const wrong = listing("/x")
    const late = " ".repeat(100_000)
    for (const pieces of [[right], [...right], [right.slice(0, 70), right.slice(70)]])
      assert.deepStrictEqual((await arriving(pieces)).text, right)
    for (const pieces of [[wrong], [...wrong], [wrong.slice(0, 70), wrong.slice(70)]])
      assert.include(await arriving(pieces), { failure: "PTTH_UNKNOWN_PREFIX", text: undefined })
    assert.strictEqual((await arriving([late, wrong])).text, late + wrong)
    assert.strictEqual((await arriving([])).text, "")
    assert.strictEqual((await arriving(["<D:multi"], true)).text, "BodyError")
    assert.isTrue((await arriving([wrong, "never read"])).cancelled)
  })
})

describe("COPY and MOVE in path mode", () => {
  const visitor = { host: "relay.example", proto: "https", prefix: "/outer/servers/a" } as const
  const own = { name: "a" as ServerName, prefix: "/servers/a" }
  const refused = (destination: string, method = "MOVE"): string | undefined =>
    WebDav.refusal({ method, headers: [["Destination", destination]] }, visitor, own)?.code

  it("to another server are refused", () => {
    for (const destination of [
      "https://relay.example/outer/servers/b/x",
      "/outer/servers/b/x",
      "/outer/servers/a/../b/x",
      "/outer/frontend/servers/b/x",
      "/outer/servers/%62/x",
      "/%6futer/%73ervers/b/x",
      "/outer/servers/b",
      "/outer/servers/b?a=/",
    ])
      for (const method of ["COPY", "MOVE"])
        assert.strictEqual(refused(destination, method), "PTTH_OTHER_SERVER", destination)
  })

  it("to the same server, to other hosts and to what is no server are not", () => {
    for (const destination of [
      "https://relay.example/outer/servers/a/x",
      "https://other.example/outer/servers/b/x",
      "/outer/frontend/servers/a/x",
      "/outer/servers/%61/x",
      "/outer/servers/a",
      "/x",
      "",
    ])
      assert.isUndefined(refused(destination), destination)
    assert.isUndefined(refused("/outer/servers/b/x", "PUT"))
  })
})
