/**
 * Wall clocks that are put forward and back while a relay and servers run as
 * processes of their own, by libfaketime: nothing is cut, hangs or spins for
 * that, and what tells the time tells the new one.
 *
 * PTTH_FAKETIME is where libfaketimeMT.so.1 is, if it is nowhere usual.
 */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { WebSocket } from "ws"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import { fixedPort } from "../support/FixedPort.ts"
import { keyOf } from "../support/Harness.ts"
import { type Address, RawHttp } from "../support/RawHttp.ts"
import { Seeded } from "../support/Seeded.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { CountingOrigin } from "./CountingOrigin.ts"
import { Crowd, pause } from "./Crowd.ts"
import { unseen } from "./Process.ts"
import * as Site from "./Site.ts"
import { StreamPeer } from "./StreamPeer.ts"

const day = 86_400
const hour = 3_600
const transports = ["stream", "classic"] as const
const key = "PlaypenCausalPlatformCommodeImproveCatalyze"

/** A clock of a process's own, which can be put while it runs. */
class PuttableClock {
  readonly env: { readonly [name: string]: string }
  private readonly file = join(temporaryFolder(), "clock")
  private offset = 0

  constructor(library: string) {
    this.put(0)
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: "1",
      // What never jumps on a real machine either.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    }
  }

  /** Puts it so many seconds away from the right time. */
  put(seconds: number): void {
    this.offset = seconds
    writeFileSync(`${this.file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`)
    renameSync(`${this.file}.new`, this.file)
  }

  /** What it shows, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.offset * 1_000
  }
}

const library = ((): string | undefined => {
  const multiarch = existsSync("/usr/lib") ? readdirSync("/usr/lib") : []
  return [
    process.env.PTTH_FAKETIME ?? "",
    ...["/usr/lib", "/usr/local/lib", ...multiarch.map((name) => `/usr/lib/${name}`)].map(
      (folder) => `${folder}/faketime/libfaketimeMT.so.1`,
    ),
  ].find((file) => file !== "" && existsSync(file))
})()

const reason = unseen ?? (library === undefined ? "there is no libfaketime" : undefined)

/** An event stream that goes on and on. */
const follow = (url: string) => {
  const seen = { events: 0, ended: "" }
  const request = http.get(url, { agent: false }, (response) => {
    response.on("data", (chunk: Buffer) => {
      seen.events += chunk.toString("latin1").split("\n\n").length - 1
    })
    for (const what of ["end", "error", "close"]) {
      response.once(what, () => {
        seen.ended ||= what
      })
    }
  })
  request.on("error", (error) => {
    seen.ended ||= error.message
  })
  onTestFinished(() => {
    request.destroy()
  })
  return seen
}

/** A WebSocket that echoes; asks it something, and says whether that came back. */
const echoing = async (url: string) => {
  const socket = new WebSocket(url)
  onTestFinished(() => socket.terminate())
  await once(socket, "open")
  let number = 0
  return async () => {
    number += 1
    socket.send(`${number}`)
    const [data] = (await once(socket, "message")) as [Buffer]
    return `${data}` === `${number}`
  }
}

/** Processor time that a process has had, in hundredths of a second. */
const ticksOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
  return Number(fields[11]) + Number(fields[12])
}

const start = async (path: string) => {
  const clocks = { relay: new PuttableClock(path), server: new PuttableClock(path) }
  const origin = await CountingOrigin.start()
  onTestFinished(() => origin.close())
  const [port, adminPort, folder] = [await fixedPort(), await fixedPort(), temporaryFolder()]
  const audit = join(folder, "audit.log")
  writeFileSync(
    join(folder, "ptth_relay.toml"),
    [
      `listen = "127.0.0.1:${port}"`,
      `admin_listen = "127.0.0.1:${adminPort}"`,
      `audit_log = "${audit}"`,
      'response_timeout = "20 s"\nheartbeat = "5 s"\nidle_timeout = "20 s"\nwait_for_server = "60 s"',
      ...[...transports.map((name) => [name, key]), ["knocker", keyOf("knocker")]].map(
        ([name, shown = ""]) =>
          `[[servers]]\nname = "${name}"\ntripcode = "${tripcodeOfText(shown)}"`,
      ),
    ].join("\n"),
  )
  const relay = new Site.Service(["relay"], folder, clocks.relay.env)
  await relay.now.running.said(/Listening/)
  const servers: Array<Site.Service> = []
  for (const name of transports) {
    const own = temporaryFolder()
    writeFileSync(
      join(own, "ptth_server.toml"),
      `name = "${name}"\napi_key = "${key}"\nrelay_url = "http://127.0.0.1:${port}"\n` +
        `to = "http://127.0.0.1:${origin.port}"\ntransport = "${name}"\n`,
      { mode: 0o600 },
    )
    const server = new Site.Service(["server"], own, clocks.server.env)
    await server.now.running.said(/connected:/, "stderr")
    servers.push(server)
  }
  return {
    clocks,
    origin,
    relay,
    servers,
    programs: () => [relay, ...servers].map(({ now }) => now),
    address: { host: "127.0.0.1", port } satisfies Address,
    admin: { host: "127.0.0.1", port: adminPort } satisfies Address,
    baseOf: (name: string) => `http://127.0.0.1:${port}/servers/${name}`,
    lastAudit: () =>
      readFileSync(audit, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { readonly at: string; readonly name?: string })
        .findLast(({ name }) => name === "knocker"),
  }
}

const get = async (
  visitor: RawHttp,
  target: string,
  fields: ReadonlyArray<readonly [string, string]> = [],
) => {
  await visitor.send(`GET ${target} HTTP/1.1`, [["Host", "127.0.0.1"], ...fields])
  return visitor.readResponse()
}

describe.skipIf(reason !== undefined)(
  `a wall clock that jumps${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    it("cuts nothing, keeps nobody waiting and costs nothing", async () => {
      const path = library ?? ""
      const clocks = new PuttableClock(path)
      clocks.put(day)
      const shown = spawnSync(process.execPath, ["-p", "Date.now()"], {
        env: clocks.env,
        encoding: "utf8",
      }).stdout
      assert.approximately(Number(shown), clocks.now(), 60_000, "libfaketime works")

      const site = await start(path)
      const secret = /\/login\/(\S+)/.exec(site.relay.now.said())?.[1] ?? ""
      const login = await fetch(`http://127.0.0.1:${site.admin.port}/login`, {
        method: "POST",
        headers: { Origin: `http://127.0.0.1:${site.admin.port}` },
        body: new URLSearchParams({ secret }),
        redirect: "manual",
      })
      const cookie = login.headers.get("set-cookie")?.split(";", 1)[0] ?? ""
      const adminStatus = async () => {
        const visitor = await RawHttp.connect(site.admin)
        const { status } = await get(visitor, "/", [
          ["Accept", "text/html"],
          ["Cookie", cookie],
        ])
        visitor.socket.destroy()
        return status
      }
      assert.strictEqual(await adminStatus(), 200)

      const random = new Seeded(1)
      const crowds = transports.map(
        (name, i) => new Crowd(site.baseOf(name), random, (i + 1) * 1_000_000),
      )
      const streams = transports.map((name) =>
        follow(`${site.baseOf(name)}/events?n=1&count=100000`),
      )
      // Classic carries none.
      const echo = await echoing(`${site.baseOf("stream").replace("http", "ws")}/echo?n=1`)
      const kept = await RawHttp.connect(site.address)
      const before = site.programs().map((one) => one.handles())
      onTestFinished(async () => {
        await Promise.all(crowds.map((crowd) => crowd.stop()))
      })
      for (const crowd of crowds) crowd.start(4, 20)

      for (const who of ["relay", "server", "both"] as const) {
        for (const [name, seconds] of [
          ["a day forward", day],
          ["right again", 0],
          ["an hour back", -hour],
          ["a day back", -day],
          ["two days forward", day],
          ["right again", 0],
        ] as const) {
          const what = `${who}: ${name}`
          const late = transports.map((transport) =>
            fetch(`${site.baseOf(transport)}/late?n=7&millis=1200`).then((got) => got.text()),
          )
          const polled = get(kept, `/servers/classic/late?n=8&millis=800`)
          await pause(300)
          for (const one of ["relay", "server"] as const)
            site.clocks[one].put(who === "both" || who === one ? seconds : 0)
          const events = streams.map((stream) => stream.events)
          const [answers, { status: ofPolled }] = await Promise.all([Promise.all(late), polled])
          assert.deepStrictEqual(answers, ["7", "7"], what)
          assert.strictEqual(ofPolled, 200, what)
          assert.strictEqual(
            (await get(kept, "/servers/stream/late?n=9&millis=0")).status,
            200,
            what,
          )
          assert.isTrue(await echo(), what)
          for (const [i, stream] of streams.entries()) {
            assert.strictEqual(stream.ended, "", what)
            while (stream.events < (events[i] ?? 0) + 10) await pause(100)
          }
          const knocker = await StreamPeer.connect(site.address, "knocker")
          knocker.socket.terminate()
          const expected = site.clocks.relay.now()
          const isThere = () => Math.abs(Date.parse(site.lastAudit()?.at ?? "") - expected) < 60_000
          while (!isThere()) await pause(50)
          const isLater = who !== "server" && seconds > 0
          const status = await adminStatus()
          assert.isTrue(isLater ? status !== 200 : status === 200, `${what}: admin ${status}`)
        }
      }
      for (const crowd of crowds) await crowd.stop()
      for (const one of site.programs()) assert.isFalse(one.hasEnded(), one.said())
      process.stdout.write(`${JSON.stringify(crowds.map(({ outcomes }) => [...outcomes]))}\n`)
      for (const [i, { complaints, outcomes, refusals }] of crowds.entries()) {
        assert.deepStrictEqual(complaints, [])
        const isClassic = transports[i] === "classic"
        // A server whose clock goes forward may have been suspended: what was on its way
        // by classic and changes something is refused, and never begun. Stream asks.
        const late = isClassic
          ? refusals.filter((told) => /^POST .*PTTH_LINK_LOST/s.test(told))
          : []
        for (const told of late)
          assert.isUndefined(site.origin.posts.get(Number(/n=(\d+)/.exec(told)?.[1])), told)
        assert.deepStrictEqual(
          refusals.filter((told) => !late.includes(told)),
          [],
        )
        // Classic carries no WebSockets.
        const allowed = isClassic
          ? ["right", "501", ...(late.length > 0 ? ["502"] : [])]
          : ["right"]
        assert.sameMembers([...outcomes.keys()], allowed)
      }

      for (const seconds of [day, -day, 0]) {
        site.clocks.relay.put(seconds)
        site.clocks.server.put(seconds)
        await pause(3_000)
        const ticks = site.programs().map(({ pid }) => ticksOf(pid))
        await pause(3_000)
        const used = site.programs().map(({ pid }, i) => ticksOf(pid) - (ticks[i] ?? 0))
        process.stdout.write(`at rest, ${seconds} s away: ${used.join(", ")} hundredths in 3 s\n`)
        for (const one of used) assert.isBelow(one, 100)
      }
      const after = site.programs().map((one) => one.handles())
      process.stdout.write(`handles ${before.join(", ")}; ${after.join(", ")}\n`)
      for (const [i, handles] of after.entries()) assert.isAtMost(handles, (before[i] ?? 0) + 16)
    })

    it.each([day, -day])(
      "by %i s while the relay is away does not keep servers away",
      async (seconds) => {
        const site = await start(library ?? "")
        await site.relay.end("SIGKILL")
        site.clocks.server.put(seconds)
        await pause(8_000)
        await site.relay.begin()
        for (const name of transports) {
          const millis = await Site.served(site.baseOf(name), 10_000)
          process.stdout.write(`${name} served again after ${Math.round(millis)} ms\n`)
          assert.isBelow(millis, 2_500)
        }
      },
    )

    it("does not have the relay give up a server that has just gone", async () => {
      const site = await start(library ?? "")
      const server = site.servers[0] as Site.Service
      await server.end("SIGKILL")
      site.clocks.relay.put(day)
      const waiting = fetch(`${site.baseOf("stream")}/late?n=7&millis=0`)
      await pause(500)
      await server.begin()
      assert.strictEqual((await waiting).status, 200)
    })
  },
)
