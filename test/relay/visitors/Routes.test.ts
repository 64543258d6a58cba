import { assert, describe, it } from "@effect/vitest"
import { route } from "../../../src/relay/visitors/Routes.ts"

describe("a visitor's path", () => {
  const cases: ReadonlyArray<[string, ReturnType<typeof route>]> = [
    ["/servers/a/", { _tag: "Server", name: "a" as never, target: "/", prefix: "/servers/a" }],
    [
      "/servers/a/x%2Fy//../z?q=/servers/b/",
      {
        _tag: "Server",
        name: "a" as never,
        target: "/x%2Fy//../z?q=/servers/b/",
        prefix: "/servers/a",
      },
    ],
    [
      "/frontend/servers/a/x",
      { _tag: "Server", name: "a" as never, target: "/x", prefix: "/frontend/servers/a" },
    ],
    [
      "/servers/a//evil",
      { _tag: "Server", name: "a" as never, target: "//evil", prefix: "/servers/a" },
    ],
    ["/servers/a", { _tag: "Redirect", status: 308, location: "a/" }],
    ["/servers/a?x=1", { _tag: "Redirect", status: 308, location: "a/?x=1" }],
    ["/frontend/servers/a", { _tag: "Redirect", status: 308, location: "a/" }],
    ["/servers/%61/", { _tag: "UnknownServer", name: "%61" }],
    ["/servers/a.b/", { _tag: "UnknownServer", name: "a.b" }],
    ["/", { _tag: "Redirect", status: 307, location: "frontend/servers/" }],
    ["/servers/", { _tag: "Redirect", status: 307, location: "../frontend/servers/" }],
    ["/frontend/servers/", { _tag: "Page", page: "servers" }],
    ["/frontend/servers/?x", { _tag: "Page", page: "servers" }],
    ["/frontend/relay_up_check", { _tag: "Page", page: "upCheck" }],
    ["/healthz", { _tag: "Page", page: "healthz" }],
    ["/readyz", { _tag: "Page", page: "readyz" }],
    ["/nothing", { _tag: "NotFound" }],
    ["//servers/a/", { _tag: "NotFound" }],
    ["/servers//a/", { _tag: "NotFound" }],
  ]
  for (const [target, expected] of cases) {
    it(`${target} is ${expected._tag}`, () => assert.deepStrictEqual(route(target), expected))
  }

  it("leads to the server's own place by every redirect", () => {
    for (const from of [
      "/",
      "/servers",
      "/servers/",
      "/frontend",
      "/frontend/",
      "/frontend/servers",
    ]) {
      let at = from
      for (let steps = 0; route(at)._tag === "Redirect" && steps < 5; steps++) {
        const to = route(at)
        if (to._tag === "Redirect") at = new URL(to.location, `http://relay${at}`).pathname
      }
      assert.strictEqual(at, "/frontend/servers/", from)
    }
  })
})
