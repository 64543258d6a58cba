/**
 * Sends mixtures of legal and illegal requests to a relay, or to a proxy in
 * front of it, and holds what comes out against what they mean.
 */
import { connect as connectTls } from "node:tls"
import { assert, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import * as Harness from "../support/Harness.ts"
import { HttpOrigin, type Seen } from "../support/HttpOrigin.ts"
import * as Proxies from "../support/Proxies.ts"
import { RawHttp, type RawResponse } from "../support/RawHttp.ts"
import { canary, type Mixture, mixture } from "./Mixture.ts"

/** A way from a visitor to the origin. */
export interface Way {
  readonly connect: () => Promise<RawHttp>
  readonly origin: HttpOrigin
  /** Whether a proxy reads anew what it passes on. */
  readonly behindProxy: boolean
}

/** How servers speak to the relay. */
export const transports = ["classic", "stream"] as const

/** Answers every request with what was asked; bodies that are not whole are not answered. */
const echo = async ({ body, header, method, response, target }: Seen): Promise<void> => {
  if (header("expect") !== undefined) response.writeContinue()
  const whole = await body().catch(() => undefined)
  if (whole === undefined) return
  response.setHeader("X-Method", method)
  response.setHeader("X-Target", Buffer.from(target, "latin1").toString("base64"))
  response.end(method === "HEAD" ? undefined : whole)
}

const behind = (relayPort: number) =>
  Effect.gen(function* () {
    const made = yield* Proxies.certificate
    const port = yield* Proxies.nginx(relayPort, made)
    return () =>
      new Promise<RawHttp>((resolve, reject) => {
        const socket = connectTls({
          host: "127.0.0.1",
          port,
          ca: made.pem,
          servername: "localhost",
        })
        onTestFinished(() => void socket.destroy())
        socket.once("error", reject)
        socket.once("secureConnect", () => {
          socket.off("error", reject)
          resolve(new RawHttp(socket))
        })
      })
  })

/** A relay, a server in front of an origin, and nginx in front of all where that is asked for. */
export const way = Effect.fnUntraced(function* (
  transport: (typeof transports)[number],
  front: "nothing" | "nginx",
) {
  const origin = yield* Harness.promised(() => HttpOrigin.start())
  origin.answer = echo
  const relay = yield* Harness.relay({
    servers: ["app"],
    config: { trustedProxies: [IpNetwork.fromStringUnsafe("127.0.0.1/32")] },
  })
  const to = Upstream.make({ origin: origin.url })
  yield* Effect.addFinalizer(() => Effect.sync(to.close))
  yield* Harness.server(relay, "app", to.handler, { transport })
  const made: Way = {
    origin,
    behindProxy: front !== "nothing",
    connect: front === "nothing" ? () => RawHttp.connect(relay) : yield* behind(relay.port),
  }
  return made
})

const targetOf = (answer: RawResponse): string =>
  Buffer.from(answer.header("x-target") ?? "", "base64").toString("latin1")

const send = async (visitor: RawHttp, { bytes, cuts }: Mixture): Promise<void> => {
  let from = 0
  for (const at of [...cuts, bytes.length]) {
    await visitor.write(bytes.slice(from, at))
    from = at
  }
}

/** A request of another visitor gets its own answer. */
const control = async (way: Way, seed: number): Promise<void> => {
  const visitor = await way.connect()
  const target = `/control-${seed}`
  await visitor.send(`GET /servers/app${target} HTTP/1.1`, [
    ["Host", "app.test"],
    ["Connection", "close"],
  ])
  assert.strictEqual(targetOf(await visitor.readResponse()), target)
  visitor.socket.destroy()
}

/** Whether it arrives; a proxy in front may refuse what is legal, but do nothing else. */
const expectGood = async (way: Way, visitor: RawHttp, mixed: Mixture): Promise<boolean> => {
  const { body, method, target } = mixed.meant
  const answer = await visitor.readResponse(method)
  if (way.behindProxy && [400, 405, 501].includes(answer.status) && /<hr>.*nginx/.test(answer.text))
    return false
  assert.strictEqual(answer.status, 200, answer.text)
  assert.strictEqual(answer.header("x-method"), method)
  assert.strictEqual(targetOf(answer), target)
  assert.strictEqual(answer.body.toString("latin1"), body)
  const next = `/next-${mixed.seed}`
  await visitor.send(`GET /servers/app${next} HTTP/1.1`, [
    ["Host", "app.test"],
    ["Connection", "close"],
  ])
  assert.strictEqual(targetOf(await visitor.readResponse()), next)
  assert.strictEqual((await visitor.readRest()).bytes.length, 0)
  return true
}

const expectRefusal = async (way: Way, visitor: RawHttp, mixed: Mixture): Promise<void> => {
  // A proxy that forgives may answer and wait for more.
  if (way.behindProxy) visitor.socket.end()
  const answers = (await visitor.readRest()).bytes.toString("latin1")
  if (way.behindProxy) return
  const heads = answers.match(/^HTTP\/1\.1 \d{3} /gm) ?? []
  assert.isAtMost(heads.length, 1, answers)
  if (mixed.inBody) assert.match(answers, /^$|^HTTP\/1\.1 [45]/)
  else assert.match(answers, /^HTTP\/1\.1 [45]/)
}

/** Sends one mixture; fails with its seed and bytes if anything else comes of it than what it means. */
const judge = async (way: Way, seed: number): Promise<void> => {
  const mixed = mixture(seed, way.behindProxy ? "nothing" : "canary")
  if (way.behindProxy && mixed.forgiven === "forgiven") return
  const before = way.origin.seen.length
  try {
    const visitor = await way.connect()
    await send(visitor, mixed)
    const arrives = mixed.fault === undefined && (await expectGood(way, visitor, mixed))
    if (mixed.fault !== undefined) await expectRefusal(way, visitor, mixed)
    visitor.socket.destroy()
    await control(way, seed)
    const seen = way.origin.seen.slice(before)
    assert.isFalse(
      seen.some(({ target }) => target.includes(canary)),
      "the canary ran",
    )
    if (!arrives) {
      const whole = seen.filter(
        ({ request, target }) => !target.startsWith("/control-") && request.complete,
      )
      assert.deepStrictEqual(
        whole.map(({ target }) => target),
        [],
      )
      if (!mixed.inBody) assert.strictEqual(seen.length, 1)
    } else assert.strictEqual(seen.length, 3)
  } catch (cause) {
    const shown = JSON.stringify(mixed.bytes.slice(0, 2_000))
    throw new Error(`seed ${seed}, ${mixed.fault ?? "no fault"}: ${shown}`, { cause })
  }
}

/** Sends the mixtures of these seeds, one after the other. */
const judgeAll = (way: Way, first: number, count: number): Promise<void> => {
  const all = async (): Promise<void> => {
    for (let seed = first; seed < first + count; seed++) await judge(way, seed)
  }
  return all()
}

/**
 * The tests of a range of mixtures over one transport, directly and with nginx in front.
 *
 * @param counts how many mixtures go each way
 */
export const describeMixtures = (
  transport: (typeof transports)[number],
  first: number,
  counts: { readonly directly: number; readonly nginx: number },
): void => {
  it.live("mean to the origin what they mean to their sender, or nothing", () =>
    Effect.gen(function* () {
      const direct = yield* way(transport, "nothing")
      yield* Harness.promised(() => judgeAll(direct, first, counts.directly))
    }),
  )

  const reason = ["nginx", "openssl"].find((program) => !Proxies.isInstalled(program))
  it.live.skipIf(reason !== undefined)(
    `with nginx in front, too${reason === undefined ? "" : ` (skipped: ${reason} is not installed)`}`,
    () =>
      Effect.gen(function* () {
        const behindNginx = yield* way(transport, "nginx")
        yield* Harness.promised(() => judgeAll(behindNginx, first, counts.nginx))
      }),
  )
}
