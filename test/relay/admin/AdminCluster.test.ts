/**
 * The administrator's side of relays that serve as one: each shows all of them,
 * says whose is what and who did not answer, and its acts reach all.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as HeaderList from "../../../src/domain/HeaderList.ts"
import * as AdminControl from "../../../src/protocol/peer/AdminControl.ts"
import * as AdminCluster from "../../support/AdminCluster.ts"
import * as Harness from "../../support/Harness.ts"

const bearer = ["Authorization", `Bearer ${AdminCluster.token}`] as const
const html = ["Accept", "text/html"] as const

const get = ({ admin }: AdminCluster.AdminPeer, target: string) =>
  Effect.map(Harness.visit(admin, target, { headers: [bearer, html] }), ({ text }) => text)

const json = ({ admin }: AdminCluster.AdminPeer, target: string) =>
  Effect.map(Harness.visit(admin, `/api/v1${target}`, { headers: [bearer] }), ({ text }) =>
    JSON.parse(text),
  )

const post = ({ admin }: AdminCluster.AdminPeer, target: string, body: object) =>
  Harness.visit(admin, `/api/v1${target}`, {
    method: "POST",
    headers: [bearer, ["Content-Type", "application/json"]],
    body: JSON.stringify(body),
  })

describe("the administrator of several relays", () => {
  it.effect("sees a server's links and requests of all, and whose they are", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      yield* AdminCluster.visited([a, b])
      const [listed] = yield* json(b, "/servers")
      assert.strictEqual(listed.state, "connected")
      assert.strictEqual(listed.connections, 1)
      assert.strictEqual(listed.requests, 2)
      assert.strictEqual(listed.bytesIn, 10)
      const ofRelays = new Map(
        (listed.relays as ReadonlyArray<Record<string, unknown>>).map((one) => [one.relay, one]),
      )
      assert.deepInclude(ofRelays.get("a"), { connections: 1, requests: 1, bytesIn: 5 })
      assert.deepInclude(ofRelays.get("b"), { connections: 0, requests: 1, bytesIn: 5 })
      const { recent } = yield* json(b, "/servers/attic")
      const ways = (recent as ReadonlyArray<Record<string, unknown>>).map(
        ({ hop, path, relay }) => [path, relay, hop],
      )
      assert.sameDeepMembers(ways, [
        ["/at-a", "a", undefined],
        ["/at-b", "b", "a"],
      ])
      const page = yield* get(b, "/servers/attic")
      assert.include(page, "/at-a")
      assert.include(page, "b<br><small>link at a</small>")
      const inspected = yield* get(b, "/servers/attic/requests")
      assert.include(inspected, "/at-a")
      assert.match(yield* get(b, "/requests/b/attic/1"), /complete[\s\S]*at relay b/)
    }),
  )

  it.effect("gets the metrics of all, each series with its relay", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      yield* AdminCluster.visited([a, b])
      const text = yield* get(a, "/metrics")
      for (const series of [
        'ptth_relay_requests_total{relay="a",server="attic",transport="stream",status="2xx"} 1',
        'ptth_relay_requests_total{relay="b",server="attic",transport="stream",status="2xx"} 1',
        'ptth_relay_peer_up{relay="a",peer="b"} 1',
        'ptth_relay_peer_config_differs{relay="b",peer="a"} 0',
        'ptth_relay_hops_sent_total{relay="b",peer="a"} 1',
        'ptth_relay_hops_received_total{relay="a",peer="b"} 1',
      ])
        assert.include(text, `${series}\n`)
      assert.strictEqual(text.split("# TYPE ptth_relay_requests_total ").length, 2)
      const own = yield* get(a, "/metrics?of=machine")
      assert.notInclude(own, 'relay="b",')
      yield* b.kill
      yield* Harness.until("a notices", () => a.peers.list()[0]?.state === "gone")
      assert.include(yield* get(a, "/metrics"), 'ptth_relay_unanswered{relay="b"} 1\n')
    }),
  )

  it.effect("sees who the relays are, and who did not answer", () =>
    Effect.gen(function* () {
      const [a] = yield* AdminCluster.start(["a", "c"], AdminCluster.attic, ["never"])
      const { engine, relays, unanswered } = yield* json(a, "/relays")
      assert.strictEqual(engine.state, "off")
      assert.deepInclude(relays[0], { id: "a", state: "self", program: "9.9.9" })
      assert.deepInclude(relays[1], { id: "c", state: "up", configDiffers: true, takesHops: true })
      assert.deepStrictEqual(unanswered, [
        { id: Harness.peerAt("never"), reason: "it was never reached: nobody listens there" },
      ])
      const page = yield* get(a, "/relays")
      assert.include(page, "differs")
      assert.include(page, "There is no engine")
      assert.include(page, `${Harness.peerAt("never")}: it was never reached: nobody listens there`)
      const [listed] = yield* json(a, "/servers")
      assert.deepStrictEqual(listed.unanswered, [Harness.peerAt("never")])
    }),
  )

  it.effect("is told by the API which relays a list lacks, also by an empty list", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      const target = "/api/v1/requests"
      const unansweredOf = ({ headers }: { readonly headers: HeaderList.HeaderList }) =>
        HeaderList.first(headers, "x-ptth-unanswered")
      yield* AdminCluster.visited([a, b])
      const whole = yield* Harness.visit(a.admin, target, { headers: [bearer] })
      assert.isUndefined(unansweredOf(whole))
      yield* b.kill
      yield* Harness.until("a notices", () => a.peers.list()[0]?.state === "gone")
      const part = yield* Harness.visit(a.admin, target, { headers: [bearer] })
      assert.strictEqual(unansweredOf(part), "b")
      assert.deepStrictEqual(
        (JSON.parse(part.text) as ReadonlyArray<Record<string, unknown>>).map(
          ({ path, unanswered }) => [path, unanswered],
        ),
        [["/at-a", ["b"]]],
      )
      for (const empty of ["/requests?path=none", "/unregistered"]) {
        const response = yield* Harness.visit(a.admin, `/api/v1${empty}`, { headers: [bearer] })
        assert.strictEqual(response.text, "[]")
        assert.strictEqual(unansweredOf(response), "b")
      }
    }),
  )

  it.effect("asks for a server's requests and links at the same time", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      const areBothAsked = yield* Latch.make()
      const asked = new Set<string>()
      const answer = <A>(kind: string, value: A) => {
        asked.add(kind)
        if (asked.size === 2) areBothAsked.openUnsafe()
        return Effect.as(areBothAsked.await, value)
      }
      b.peers.onControl(AdminControl.requests, () => answer("requests", { rows: [], assets: 0 }))
      b.peers.onControl(AdminControl.links, () => answer("links", []))
      assert.notInclude(yield* get(a, "/servers/attic"), "<li>b: ")
    }),
  )

  it.effect(
    "ignores a server at all machines, and is told where an approval is not without an engine",
    () =>
      Effect.gen(function* () {
        const [a, b] = yield* AdminCluster.start(["a", "b"], "")
        for (const name of ["cellar", "roof"])
          yield* Harness.visit(b.relay, `/7ZSFUKGV/http_listen/${name}`, {
            headers: [["X-ApiKey", Harness.keyOf(name)]],
          })
        assert.lengthOf(yield* json(a, "/unregistered"), 2)
        const roof = { name: "roof", tripcode: tripcodeOfText(Harness.keyOf("roof")) }
        assert.strictEqual((yield* post(a, "/unregistered/ignore", roof)).status, 204)
        const [ignored] = (yield* json(b, "/unregistered")).filter(
          ({ name }: { readonly name: string }) => name === "roof",
        )
        assert.isTrue(ignored.ignored)
        const cellar = { name: "cellar", tripcode: tripcodeOfText(Harness.keyOf("cellar")) }
        const approved = yield* post(a, "/unregistered/approve", cellar)
        assert.strictEqual(approved.status, 200)
        const [missed] = JSON.parse(approved.text).missed
        assert.strictEqual(missed.id, "b")
        assert.match(missed.reason, /^without an engine/)
        const files = [a, b].map(({ folder }) =>
          fs.existsSync(path.join(folder, "servers.d", "cellar.toml")),
        )
        assert.deepStrictEqual(files, [true, false])
      }),
  )

  it.effect("is told of which relays a page lacks requests or recordings", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      yield* AdminCluster.visited([a, b])
      const refused = () => Effect.fail("it was busy")
      assert.notInclude(yield* get(a, "/servers/attic/inspect"), "it was busy")
      b.peers.onControl(AdminControl.request, refused)
      assert.include(yield* get(a, "/servers/attic/inspect"), "<li>b: it was busy</li>")
      assert.include(yield* get(a, "/requests/b/attic/1"), "did not answer: it was busy.")
      b.peers.onControl(AdminControl.requests, refused)
      for (const at of ["/requests", "/servers/attic", "/servers/attic/requests"])
        assert.include(yield* get(a, at), "<li>b: it was busy</li>")
    }),
  )

  it.effect("is told at which relays an act was not done", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], "")
      yield* b.kill
      yield* Harness.until("a notices", () => a.peers.list()[0]?.state === "gone")
      const { missed } = JSON.parse((yield* post(a, "/config/reload", {})).text)
      assert.deepStrictEqual(missed, [{ id: "b", reason: "there is no connection to it" }])
    }),
  )

  it.effect("reloads the configuration of all", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], "")
      fs.appendFileSync(path.join(b.folder, "ptth_relay.toml"), AdminCluster.attic)
      assert.deepStrictEqual(JSON.parse((yield* post(a, "/config/reload", {})).text), {
        missed: [],
      })
      assert.strictEqual(b.settings.current().servers.length, 1)
    }),
  )
})

describe("visitors of several relays", () => {
  it.effect("see at each that a server is connected, and no numbers", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], AdminCluster.attic)
      yield* AdminCluster.visited([a, b])
      const page = (yield* Harness.get(b.relay, "/frontend/servers/")).text
      assert.match(page, /attic[\s\S]*>connected</)
      assert.include(page, "/servers/attic/")
      assert.notMatch(page, /data-label="(?:Links|Requests|Bytes|Program|Transport)"/)
    }),
  )
})
