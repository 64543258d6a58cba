/**
 * An administrator looks into requests and sends them again: what is listed,
 * what reaches the application how often, and which secrets stay on the relay.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { first } from "../../../src/domain/HeaderList.ts"
import type { RequestHead } from "../../../src/protocol/Message.ts"
import { secretMillis } from "../../../src/relay/inspect/Inspector.ts"
import { maxBody } from "../../../src/relay/inspect/Recording.ts"
import * as AdminCluster from "../../support/AdminCluster.ts"
import { type AdminRelay, type At, adminRelay, post } from "../../support/AdminHarness.ts"
import * as Harness from "../../support/Harness.ts"

const registered = (name: string, more = ""): string =>
  `[[servers]]\nname = "${name}"\ntripcode = "${tripcodeOfText(Harness.keyOf(name))}"\n${more}`

/** An application that remembers what reaches it. */
const application = () => {
  const calls: Array<{ readonly head: RequestHead; readonly body: string }> = []
  const handler = Harness.handler(async (call) => {
    calls.push({ head: call.head, body: (await call.read()).toString() })
    return {
      status: call.head.target.startsWith("/broken") ? 500 : 200,
      headers: [["Content-Type", "application/json"]],
      body: `{"count":${calls.length}}`,
    }
  })
  return { calls, handler }
}

const administrator = Effect.fnUntraced(function* (on: AdminRelay) {
  const session = yield* on.logIn
  return {
    get: (target: string) =>
      Harness.visit(on.admin, target, {
        headers: [
          ["Cookie", session],
          ["Accept", "text/html"],
        ],
      }),
    send: (target: string, form: Readonly<Record<string, string>> = {}) =>
      post(on.admin, target, form, session),
  }
})

const fields: HeaderList = [
  ["Authorization", "Bearer hush"],
  ["Content-Type", "application/json"],
  ["X-Kind", "order"],
]

const order = (relay: At, target = "/servers/shop/orders?token=hush&page=2") =>
  Harness.visit(relay, target, { method: "POST", headers: fields, body: '{"token":"hush","n":1}' })

/** A relay with an application, and one order that was recorded. */
const ordered = Effect.gen(function* () {
  const on = yield* adminRelay(registered("shop", "inspect = true\n"))
  const { calls, handler } = application()
  yield* Harness.serverAt(on.relay.url, "shop", handler, { transport: "stream" })
  yield* order(on.relay)
  const me = yield* administrator(on)
  const recorded = "/requests/-/shop/1"
  return { on, me, calls, recorded }
})

const isOver = (me: Effect.Success<ReturnType<typeof administrator>>, path: string) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 200; tries++) {
      const { text } = yield* me.get(path)
      if (!text.includes(">running<")) return text
      yield* Harness.turns(10)
    }
    return yield* Effect.die("the request is never over")
  })

describe("a replay", () => {
  it.effect("reaches the application once a click, with its secrets, and is recorded itself", () =>
    Effect.gen(function* () {
      const { calls, me, on, recorded } = yield* ordered
      assert.strictEqual(calls.length, 1)
      const sent = yield* me.send(`${recorded}/replay`)
      assert.strictEqual(sent.status, 303)
      const location = sent.header("location") ?? ""
      assert.strictEqual(location, "/requests/-/shop/2")
      const page = yield* isOver(me, location)
      assert.strictEqual(calls.length, 2)
      const [one, other] = calls
      assert.strictEqual(other?.body, '{"token":"hush","n":1}')
      assert.strictEqual(other?.head.target, "/orders?token=hush&page=2")
      assert.strictEqual(first(other?.head.headers ?? [], "authorization"), "Bearer hush")
      assert.deepStrictEqual(other?.head, one?.head)
      assert.include(page, `href="${recorded}"`)
      assert.include(page, "{\n  &quot;count&quot;: 2\n}")
      assert.notInclude(page, "hush")
      assert.deepStrictEqual(
        on
          .events()
          .flatMap((event) =>
            event._tag === "RequestReplayed"
              ? [[event.name, event.request, event.edited, event.by]]
              : [],
          ),
        [["shop", 1, "no", "login link"]],
      )
      assert.notInclude(JSON.stringify(on.events()), "hush")
      const [listed] = JSON.parse((yield* me.get("/api/v1/servers")).text) as ReadonlyArray<{
        readonly requests: number
      }>
      assert.strictEqual(listed?.requests, 2)
    }),
  )

  it.effect("is edited with the secrets left on the relay", () =>
    Effect.gen(function* () {
      const { calls, me, recorded } = yield* ordered
      const form = (yield* me.get(`${recorded}/edit`)).text
      assert.notInclude(form, "hush")
      assert.include(form, "Authorization: Bearer ***")
      const sent = yield* me.send(`${recorded}/send`, {
        method: "PUT",
        target: "/orders?token=***&page=3",
        headers: "Authorization: Bearer ***\r\nX-Kind: other\r\nContent-Type: text/plain",
        body: "written anew",
      })
      assert.strictEqual(sent.status, 303)
      yield* isOver(me, sent.header("location") ?? "")
      const { body, head } = calls[1] as (typeof calls)[number]
      assert.strictEqual(calls.length, 2)
      assert.deepInclude(head, { method: "PUT", target: "/orders?token=hush&page=3" })
      assert.strictEqual(first(head.headers, "authorization"), "Bearer hush")
      assert.strictEqual(first(head.headers, "x-kind"), "other")
      assert.strictEqual(body, "written anew")
    }),
  )

  it.effect("is sent as it was where only the target was edited, lines of text included", () =>
    Effect.gen(function* () {
      const { calls, me, recorded } = yield* ordered
      yield* me.send(`${recorded}/send`, {
        method: "POST",
        target: "/other",
        headers: "Content-Type: application/json",
        body: '{"token":"***","n":1}',
      })
      yield* isOver(me, "/requests/-/shop/2")
      assert.strictEqual(calls[1]?.body, '{"token":"hush","n":1}')
      assert.isUndefined(first(calls[1]?.head.headers ?? [], "authorization"))
    }),
  )

  it.effect("has an edited body with the secret in it that was sent", () =>
    Effect.gen(function* () {
      const { calls, me, recorded } = yield* ordered
      const sent = yield* me.send(`${recorded}/send`, {
        method: "POST",
        target: "/orders",
        headers: "Content-Type: application/json",
        body: '{\r\n"n": 2, "token": "***"\r\n}',
      })
      const page = yield* isOver(me, sent.header("location") ?? "")
      assert.strictEqual(calls[1]?.body, '{\n"n": 2, "token": "hush"\n}')
      assert.notInclude(page, "hush")
    }),
  )

  it.effect.each([
    [{ method: "G T" }, "method"],
    [{ target: "no-path" }, "path has to begin"],
    [{ target: "/a?token=***&key=***" }, "secret"],
    [{ headers: "X-Other: ***" }, "X-Other"],
    [{ headers: "Bad Name: x" }, "not valid"],
    [{ body: '{"other":"***","n":2}' }, "the body has ***"],
    [{ body: '{"token":"***","key":"***"}' }, "the body has ***"],
  ] as ReadonlyArray<[Readonly<Record<string, string>>, string]>)(
    "is not sent if it has %j",
    ([edit, reason]) =>
      Effect.gen(function* () {
        const { calls, me, recorded } = yield* ordered
        const refused = yield* me.send(`${recorded}/send`, {
          method: "POST",
          target: "/orders",
          headers: "",
          body: "x",
          ...edit,
        })
        assert.strictEqual(refused.status, 200)
        assert.include(refused.text, "Not sent:")
        assert.include(refused.text, reason)
        assert.strictEqual(calls.length, 1)
      }),
  )

  it.effect("is possible for ten minutes; then the secrets are gone, and it says so", () =>
    Effect.gen(function* () {
      const { calls, me, on, recorded } = yield* ordered
      yield* Harness.visit(on.relay, "/servers/shop/harmless")
      yield* TestClock.adjust(secretMillis + 30_000)
      const page = (yield* me.get(recorded)).text
      assert.include(page, "were kept for ten minutes and are gone")
      assert.include(page, "X-Kind: order")
      assert.notInclude(page, ">Replay<")
      const refused = yield* me.send(`${recorded}/replay`)
      assert.strictEqual(refused.status, 404)
      assert.strictEqual(calls.length, 2)
      assert.strictEqual((yield* me.send("/requests/-/shop/2/replay")).status, 303)
    }),
  )

  it.effect("is not offered for a body of which more was sent than is recorded", () =>
    Effect.gen(function* () {
      const { me, on } = yield* ordered
      yield* Harness.visit(on.relay, "/servers/shop/large", {
        method: "POST",
        body: Buffer.alloc(maxBody + 1, "x"),
      })
      const page = (yield* me.get("/requests/-/shop/2")).text
      assert.include(page, "cut: only the first 262 kB are recorded")
      assert.include(page, "more of its body was sent than is recorded")
      assert.include(page, "FILE stands for a file with the body")
      assert.strictEqual((yield* me.send("/requests/-/shop/2/replay")).status, 404)
    }),
  )

  it.effect("says nothing of a file where the text of the body ends like one", () =>
    Effect.gen(function* () {
      const { me, on } = yield* ordered
      yield* Harness.visit(on.relay, "/servers/shop/note", {
        method: "POST",
        headers: [["Content-Type", "text/plain"]],
        body: "note@FILE",
      })
      const page = (yield* me.get("/requests/-/shop/2")).text
      assert.include(page, "--data-raw note@FILE")
      assert.notInclude(page, "FILE stands for a file")
    }),
  )

  it.effect("may have a larger body than other forms, and is told that limit", () =>
    Effect.gen(function* () {
      const { calls, me, recorded } = yield* ordered
      const send = (bytes: number) =>
        me.send(`${recorded}/send`, {
          method: "POST",
          target: "/large",
          headers: "",
          body: "x".repeat(bytes),
        })
      const refused = yield* send(1024 * 1024)
      assert.strictEqual(refused.status, 413)
      assert.include(refused.text, "The limit is 1048576 bytes")
      const sent = yield* send(100_000)
      assert.strictEqual(sent.status, 303)
      yield* isOver(me, sent.header("location") ?? "")
      assert.strictEqual(calls[1]?.body.length, 100_000)
    }),
  )

  it.effect("goes by the relay that recorded it, to a server with a link elsewhere", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      yield* AdminCluster.visited([a, b])
      const me = yield* administrator(a)
      const sent = yield* me.send("/requests/b/attic/1/replay")
      assert.strictEqual(sent.header("location"), "/requests/b/attic/2")
      const page = yield* isOver(me, "/requests/b/attic/2")
      assert.include(page, "link at a")
      assert.include(page, "hello")
    }),
  )
})

describe("the list of requests", () => {
  it.effect("with nothing but what is left out does not say that there is no request", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(registered("shop"))
      yield* Harness.serverAt(on.relay.url, "shop", application().handler, { transport: "stream" })
      const me = yield* administrator(on)
      assert.include((yield* me.get("/requests")).text, "There is no request yet")
      yield* Harness.get(on.relay, "/servers/shop/picture.jpg")
      const page = (yield* me.get("/requests")).text
      assert.include(page, "1 request for a picture, style or script is left out.")
      assert.notInclude(page, "There is no request yet")
    }),
  )

  it.effect("is filtered by status, path and time, and leaves assets out", () =>
    Effect.gen(function* () {
      const { me, on } = yield* ordered
      for (const target of ["/broken", "/style.css", "/page"])
        yield* Harness.get(on.relay, `/servers/shop${target}`)
      const rows = (query: string) =>
        Effect.map(me.get(`/requests${query}`), ({ text }) =>
          [...text.matchAll(/<code>(\w+ \/[^<]*)<\/code>/g)].map(([, row]) => row),
        )
      const page = (yield* me.get("/requests")).text
      assert.include(page, "1 request for a picture, style or script is left out.")
      assert.deepStrictEqual(yield* rows(""), [
        "GET /page",
        "GET /broken",
        "POST /orders?token=***&amp;page=2",
      ])
      assert.include(yield* rows("?assets=yes"), "GET /style.css")
      assert.deepStrictEqual(yield* rows("?status=5"), ["GET /broken"])
      assert.deepStrictEqual(yield* rows("?path=PAG"), [
        "GET /page",
        "POST /orders?token=***&amp;page=2",
      ])
      assert.deepStrictEqual(yield* rows("?slow=100000"), [])
      assert.deepStrictEqual(yield* rows("?server=nobody"), [])
      const [broken] = JSON.parse((yield* me.get("/api/v1/requests?status=5")).text)
      assert.deepInclude(broken, { server: "shop", path: "/broken", status: 500, number: 2 })
    }),
  )

  it.effect("has lines of a server that is not inspected, without a query", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(registered("shop"))
      yield* Harness.serverAt(on.relay.url, "shop", application().handler)
      yield* order(on.relay)
      const me = yield* administrator(on)
      const { text } = yield* me.get("/servers/shop/requests")
      assert.include(text, "<code>POST /orders</code>")
      assert.include(text, "are not recorded")
      assert.notInclude(text, "/requests/-/shop/")
    }),
  )
})

describe("the page of a request that the server did not answer", () => {
  it.effect("has the status and the reason that its visitor got", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(
        `wait_for_server = "0s"\n${registered("shop", "inspect = true\n")}`,
      )
      assert.strictEqual((yield* Harness.visit(on.relay, "/servers/shop/a")).status, 503)
      const me = yield* administrator(on)
      const { text } = yield* me.get("/requests/-/shop/1")
      assert.match(text, />503<[\s\S]*PTTH_SERVER_OFFLINE[\s\S]*is not connected to the relay/)
      assert.include(text, "the relay told the visitor of the failure")
      assert.notInclude(text, "visitor left")
    }),
  )
})

describe("inspection", () => {
  it.effect("shows all that was recorded of a server on one page, without its secrets", () =>
    Effect.gen(function* () {
      const { me, on, recorded } = yield* ordered
      yield* order(on.relay, "/servers/shop/second?token=hush")
      yield* isOver(me, recorded)
      yield* isOver(me, "/requests/-/shop/2")
      const { text } = yield* me.get("/servers/shop/inspect")
      for (const shown of [
        "POST /orders?",
        "POST /second?",
        "&quot;n&quot;: 1",
        "&quot;count&quot;: 2",
      ])
        assert.include(text, shown)
      assert.include(text, `href="${recorded}"`)
      assert.notInclude(text, "hush")
    }),
  )

  it.effect("is turned on from the page for a time, at all relays, and off again", () =>
    Effect.gen(function* () {
      const text = registered("attic")
      const [a, b] = yield* AdminCluster.start(["a", "b"], text)
      const me = yield* administrator(a)
      yield* AdminCluster.visited([a, b])
      const paths = Effect.map(me.get("/servers/attic/requests"), ({ text }) =>
        [...text.matchAll(/href="(\/requests\/\w\/attic\/\d+)"/g)].map(([, path]) => path),
      )
      assert.deepStrictEqual(yield* paths, [])
      assert.strictEqual((yield* me.send("/servers/attic/inspect", { minutes: "15" })).status, 303)
      for (const { relay } of [a, b]) yield* Harness.get(relay, "/servers/attic/seen")
      assert.sameMembers(yield* paths, ["/requests/a/attic/1", "/requests/b/attic/1"])
      assert.include((yield* me.get("/servers/attic/requests")).text, "are recorded until")
      yield* TestClock.adjust("16 minutes")
      for (const { relay } of [a, b]) yield* Harness.get(relay, "/servers/attic/unseen")
      assert.lengthOf(yield* paths, 2)
      yield* me.send("/servers/attic/inspect", { minutes: "0" })
      assert.deepStrictEqual(yield* paths, [])
      assert.deepStrictEqual(
        a.events().flatMap((event) => (event._tag === "InspectionChanged" ? [event.seconds] : [])),
        [900, 0],
      )
    }),
  )
})
