/**
 * How addresses are mapped between visitors and an application, in both directions, with and
 * without a path in `--to`.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Header, HeaderList } from "../../../src/domain/HeaderList.ts"
import type { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { RequestHead } from "../../../src/protocol/Message.ts"
import * as UpstreamAddress from "../../../src/server/upstream/UpstreamAddress.ts"
import { type Body, empty, fromText } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { callHandler } from "../../support/callHandler.ts"

/** A request as the relay passes it on: of a visitor at https://relay.example/servers/app. */
const forwarded: HeaderList = [
  ["Host", "relay.example"],
  ["X-Forwarded-Host", "relay.example"],
  ["X-Forwarded-Proto", "https"],
  ["X-Forwarded-Prefix", "/servers/app"],
]

interface Call {
  readonly to: string
  readonly hostHeader?: string
  readonly target?: string
  readonly method?: string
  readonly status?: number
  readonly body?: Body
  readonly request?: HeaderList
  readonly response?: HeaderList
  /** At the server's own host there is no prefix. */
  readonly ownHost?: boolean
}

/** What the application and the visitor get. */
const exchange = async ({
  hostHeader,
  ownHost,
  request = [],
  response = [],
  to,
  ...rest
}: Call) => {
  const requests: Array<RequestHead> = []
  const app: Handler = (head, _, reply) => {
    requests.push(head)
    reply.respond({ status: rest.status ?? 200, headers: response }, rest.body ?? empty)
    return () => {}
  }
  const handler = UpstreamAddress.mapped(
    { origin: new URL(to), ...(hostHeader === undefined ? {} : { hostHeader }) },
    app,
  )
  const own = ownHost === true ? forwarded.slice(0, 3) : forwarded
  const answer = await callHandler(handler, {
    method: rest.method ?? "GET",
    target: rest.target ?? "/x",
    headers: [...own, ...request],
  })
  const [head] = requests as [RequestHead]
  return {
    target: head.target,
    request: head.headers.filter((field) => !own.includes(field)),
    prefix: head.headers.find(([name]) => name === "X-Forwarded-Prefix")?.[1],
    response: answer.headers,
  }
}

const sent = async (field: Header, call: Omit<Call, "request">) =>
  (await exchange({ ...call, request: [field] })).request.find(([name]) => name === field[0])?.[1]

const answered = async (field: Header, call: Omit<Call, "response">) =>
  (await exchange({ ...call, response: [field] })).response[0]?.[1]

describe("what the application says of its own address", () => {
  it.each([
    ["http://127.0.0.1:3000/login?a=1", "/login?a=1"],
    ["http://127.0.0.1:3000", "/"],
    ["//127.0.0.1:3000/login", "/login"],
    ["https://localhost:3000/login", "/login"],
    ["http://localhost.:3000/login", "/login"],
    ["http://0.0.0.0:3000/login", "/login"],
    ["http://[::1]:3000/login", "/login"],
    ["http://me@127.0.0.1:3000/login", "/login"],
    // Without the host, browsers would read these paths as hosts.
    ["http://127.0.0.1:3000//other.example/", "https://relay.example//other.example/"],
    ["http://127.0.0.1:3000/\\other.example/", "https://relay.example/\\other.example/"],
  ])("a Location of %s becomes %s", async (from, to) => {
    for (const hostHeader of [undefined, "inner.test"])
      assert.strictEqual(
        await answered(["Location", from], {
          to: "http://127.0.0.1:3000",
          ...(hostHeader === undefined ? {} : { hostHeader }),
        }),
        to,
      )
  })

  it.each([
    "http://127.0.0.1:3001/login",
    "http://127.0.0.1/login",
    "http://app.localhost.example:3000/x",
    "https://login.example/x",
    "http://127.0.0.1:3000@evil.example/",
    "https://relay.example/login",
    "/login",
    "login",
    "http://[broken/x",
  ])("a Location of %s stays", async (value) => {
    assert.strictEqual(await answered(["Location", value], { to: "http://127.0.0.1:3000" }), value)
  })

  it("the default port can be spelled out or left out", async () => {
    const to = "http://app.internal"
    for (const from of ["http://app.internal:80/x", "http://APP.internal:/x"])
      assert.strictEqual(await answered(["Location", from], { to }), "/x")
    assert.strictEqual(
      await answered(["Location", "http://127.0.0.1/x"], { to }),
      "http://127.0.0.1/x",
    )
  })

  it("is mapped in the other fields that carry it", async () => {
    const call = { to: "http://127.0.0.1:3000", hostHeader: "inner.test" }
    for (const [name, from, to] of [
      ["Content-Location", "http://inner.test/x", "/x"],
      ["Refresh", "0; url=http://127.0.0.1:3000/x", "0; url=/x"],
      ["Link", '<http://inner.test/x>; rel="next"', '</x>; rel="next"'],
      ["HX-Location", '{"path":"http://inner.test/x"}', '{"path":"/x"}'],
      ["Upload-Concat", "final;http://inner.test/x /y", "final;/x /y"],
      ["Use-As-Dictionary", 'match="http://inner.test/x/*"', 'match="/x/*"'],
      ["Reporting-Endpoints", 'x="http://127.0.0.1:3000/x"', 'x="/x"'],
      ["Location", "http:/x", "/x"],
      ["Location", "http://inner.test./x", "/x"],
    ] as const)
      assert.strictEqual(await answered([name, from], call), to)
  })

  it("keeps a host in the fields whose readers do not resolve paths", async () => {
    const call = { to: "http://127.0.0.1:3000" }
    for (const [name, from, to] of [
      [
        "WWW-Authenticate",
        'Bearer realm="http://localhost:3000/token",service="x"',
        'Bearer realm="https://relay.example/token",service="x"',
      ],
      ["Operation-Location", "http://127.0.0.1:3000/x", "https://relay.example/x"],
      ["X-Pingback", "http://127.0.0.1:3000//x", "https://relay.example//x"],
    ] as const)
      assert.strictEqual(await answered([name, from], call), to)
  })
})

describe("a path of --to", () => {
  const to = "http://127.0.0.1:9090/base/"

  it("is put before each target, byte for byte", async () => {
    for (const target of ["/", "/a%2fb?q=/../x", "/base/x", "/a/../b"])
      assert.strictEqual((await exchange({ to, target })).target, `/base${target}`)
    assert.strictEqual((await exchange({ to, target: "*" })).target, "*")
  })

  it.each([
    ...["/../x", "/a/../../x", "/%2e%2E/x", "/..%2fx", "/..;a/x", "/..\\x", "/a\\..\\..\\x"],
    ...["/a%2fb/../../x", "/%5c../x", "//../x", "/.."],
  ])("is not left by a target of %s", async (target) => {
    const error = await exchange({ to, target }).catch((error: ExchangeError) => error)
    assert.include(error, { code: "PTTH_BAD_REQUEST" })
    const destination: Header = ["Destination", `https://relay.example${target}`]
    const moved = await sent(destination, { to }).catch((error: ExchangeError) => error.code)
    assert.match(`${moved}`, /^https:\/\/relay\.example\/base\/x?$|^PTTH_BAD_REQUEST$/)
  })

  it.each([
    ["/base/x?q", "/servers/app/x?q", "/x?q"],
    ["/base", "/servers/app", "/"],
    ["/base/../x", "/base/../x", "/base/../x"],
    ["http:/base/x", "/servers/app/x", "/x"],
    ["http://127.0.0.1:9090/base/x", "/servers/app/x", "/x"],
    [
      "https://relay.example/base/x",
      "https://relay.example/servers/app/x",
      "https://relay.example/x",
    ],
    [
      "/base//evil.example/x",
      "/servers/app//evil.example/x",
      "https://relay.example//evil.example/x",
    ],
    ["/bases/x", "/bases/x", "/bases/x"],
    ["/servers/app/x", "/servers/app/x", "/servers/app/x"],
    ["http://other.example/base/x", "http://other.example/base/x", "http://other.example/base/x"],
  ])("a Location of %s becomes %s, and %s at the server's own host", async (from, below, own) => {
    assert.strictEqual(await answered(["Location", from], { to }), below)
    assert.strictEqual(await answered(["Location", from], { to, ownHost: true }), own)
  })

  it("that is the visitors' too stays as it is, and is not doubled", async () => {
    const call = { to: "http://127.0.0.1:9090/servers/app" }
    for (const value of ["/servers/app/x", "/servers/app", "/servers/app/servers/app/x"])
      assert.strictEqual(await answered(["Location", value], call), value)
    const { prefix } = await exchange(call)
    assert.isUndefined(prefix)
  })

  it("is mapped in paths of cookies", async () => {
    assert.strictEqual(
      await answered(["Set-Cookie", "a=1; Path=/base/x"], { to }),
      "a=1; Path=/servers/app/x",
    )
    assert.strictEqual(
      await answered(["Set-Cookie", "a=1; Path=/base"], { to, ownHost: true }),
      "a=1; Path=/",
    )
    assert.strictEqual(await answered(["Set-Cookie", "a=1; Path=/"], { to }), "a=1; Path=/")
  })

  it("leaves of X-Forwarded-Prefix what is before it", async () => {
    const outer: Header = ["X-Forwarded-Prefix", "/outer/base"]
    assert.strictEqual(await sent(outer, { to, ownHost: true }), "/outer")
    assert.isUndefined(await sent(["X-Forwarded-Prefix", "/other"], { to, ownHost: true }))
  })
})

describe("a listing of WebDAV", () => {
  const list = (to: string, href: string, ownHost = false) =>
    exchange({
      to,
      ownHost,
      method: "PROPFIND",
      status: 207,
      body: fromText(`<multistatus xmlns="DAV:"><response><href>${href}</href>`),
      request: [["Accept-Encoding", "gzip"]],
    }).then(
      ({ request }) => request.length,
      ({ code }: ExchangeError) => code,
    )

  it("with the path of --to is refused where visitors do not know that path", async () => {
    assert.strictEqual(await list("http://h/base", "/base/x"), "PTTH_UNKNOWN_PREFIX")
    assert.strictEqual(await list("http://h/base", "http://h/base/x", true), "PTTH_UNKNOWN_PREFIX")
    assert.strictEqual(await list("http://h/base", "/x", true), 0)
    assert.strictEqual(await list("http://h/servers", "/servers/app/x"), 0)
    assert.strictEqual(await list("http://h/servers/app", "/servers/app/x"), 1)
    assert.strictEqual(await list("http://h", "/x", true), 1)
  })
})

describe("Destination and If", () => {
  it("name the application below its path, and with the host and scheme of host_header", async () => {
    const own = "https://relay.example/b%20c"
    for (const [call, value] of [
      [{ to: "http://127.0.0.1:3000" }, own],
      [{ to: "http://127.0.0.1:3000", hostHeader: "inner.test" }, "http://inner.test/b%20c"],
      [{ to: "http://127.0.0.1:3000/base" }, "https://relay.example/base/b%20c"],
    ] as const) {
      assert.strictEqual(await sent(["Destination", own], call), value)
      assert.strictEqual(await sent(["If", `<${own}> (<urn:x>)`], call), `<${value}> (<urn:x>)`)
    }
    assert.strictEqual(await sent(["Destination", "/b"], { to: "http://h/base" }), "/base/b")
  })

  it("of other hosts stay", async () => {
    const other = "https://other.example/b"
    assert.strictEqual(await sent(["Destination", other], { to: "http://h/base" }), other)
  })
})

describe("Origin and Referer", () => {
  const to = "http://127.0.0.1:3000"
  const hostHeader = "inner.test:8080"

  it("of the visitor's own origin follow --host-header", async () => {
    assert.strictEqual(
      await sent(["Origin", "https://relay.example"], { to, hostHeader }),
      "http://inner.test:8080",
    )
    assert.strictEqual(
      await sent(["Referer", "https://relay.example/servers/app/form?x"], { to, hostHeader }),
      "http://inner.test:8080/form?x",
    )
    assert.strictEqual(
      await sent(["Referer", "https://relay.example/"], { to, hostHeader }),
      "http://inner.test:8080/",
    )
  })

  it.each([
    ["Origin", "https://evil.example"],
    ["Origin", "http://relay.example"],
    ["Origin", "https://relay.example:8443"],
    ["Origin", "null"],
    ["Referer", "https://evil.example/servers/app/x"],
    ["Referer", "https://relay.example/servers/other/x"],
  ] as const)("%s: %s stays", async (name, value) => {
    assert.strictEqual(await sent([name, value], { to, hostHeader }), value)
  })

  it("stay without --host-header", async () => {
    for (const field of [
      ["Origin", "https://relay.example"],
      ["Referer", "https://relay.example/servers/app/x"],
    ] as const)
      assert.strictEqual(await sent(field, { to }), field[1])
  })
})
