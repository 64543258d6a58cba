/**
 * What a machine can run out of or lose: handles, disk, a writable file
 * system, names. The process lives, says what is wrong, and goes on when it
 * is over.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import { fromBytes } from "../../src/transport/Body.ts"
import { callHandler } from "../support/callHandler.ts"
import * as Harness from "../support/Harness.ts"
import { type Address, RawHttp } from "../support/RawHttp.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { program, relayProgram, relayToml, unseen } from "./Process.ts"
import { StreamPeer } from "./StreamPeer.ts"

const statusOf = async (to: Address, target: string): Promise<number> => {
  const visitor = await RawHttp.connect(to)
  await visitor.send(`GET ${target} HTTP/1.1`, [["Host", "app.test"]])
  const { status } = await visitor.readResponse()
  visitor.socket.destroy()
  return status
}

/** A file system of one MiB; `undefined` where none may be mounted. */
const smallDisk = (): string | undefined => {
  const folder = temporaryFolder()
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status !== 0)
    return undefined
  onTestFinished(() => void spawnSync("umount", [folder]))
  return folder
}

const mayMount =
  process.platform === "linux" &&
  (() => {
    const folder = mkdtempSync(join(tmpdir(), "ptth-"))
    const mounted = spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder]).status === 0
    if (mounted) spawnSync("umount", [folder])
    rmSync(folder, { recursive: true, force: true })
    return mounted
  })()

describe("a machine that runs out", () => {
  it.live.skipIf(unseen !== undefined)("of handles: the relay lives, and serves again", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.promised(() =>
        relayProgram(relayToml(["app"]), {
          through: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
        }),
      )
      yield* Harness.serverAt(relay.url, "app", Harness.echo, { transport: "stream" })
      yield* Harness.promised(async () =>
        assert.strictEqual(await statusOf(relay, "/servers/app/before"), 200),
      )
      let cut = 0
      const many = Array.from({ length: 200 }, () => {
        const socket = net.connect(relay.port, relay.host).resume()
        onTestFinished(() => void socket.destroy())
        socket.on("error", () => {})
        return socket.on("close", () => {
          cut += 1
        })
      })
      yield* Harness.until("those that are too many are cut", () => cut > 100)
      assert.isFalse(relay.hasEnded(), relay.said())
      yield* Harness.promised(async () => {
        for (const socket of many) socket.destroy()
        let status = 0
        while (status !== 200) status = await statusOf(relay, "/servers/app/after").catch(() => 0)
        assert.isFalse(relay.hasEnded(), relay.said())
      })
    }),
  )

  const reason = mayMount ? "" : " (skipped: nothing may be mounted here)"
  const put = (handler: Parameters<typeof callHandler>[0], name: string, size: number) =>
    callHandler(handler, {
      method: "PUT",
      target: `/files/${name}`,
      body: fromBytes(Buffer.alloc(size)),
    }).then(
      ({ status }) => `${status}`,
      (error: { readonly code?: string }) => `${error.code}`,
    )

  it.live.skipIf(!mayMount)(
    `of disk: an upload is refused and leaves nothing behind${reason}`,
    () =>
      Effect.gen(function* () {
        const root = smallDisk() ?? ""
        const handler = yield* FileServer.make({ root, uploads: { overwrite: false } })
        yield* Harness.promised(async () => {
          assert.include(["507", "PTTH_DISK_FULL"], await put(handler, "large", 3_000_000))
          assert.deepStrictEqual(readdirSync(root), [])
          assert.strictEqual(await put(handler, "small", 1_000), "201")
          assert.deepStrictEqual(readdirSync(root), ["small"])
        })
      }),
  )

  it.live.skipIf(!mayMount)(
    `of a writable disk: an upload is refused, the rest is served${reason}`,
    () =>
      Effect.gen(function* () {
        const root = smallDisk() ?? ""
        writeFileSync(join(root, "a.txt"), "served")
        spawnSync("mount", ["-o", "remount,ro", root])
        const handler = yield* FileServer.make({ root, uploads: { overwrite: false } })
        yield* Harness.promised(async () => {
          assert.match(await put(handler, "new", 1_000), /^(403|PTTH_)/)
          const answer = await callHandler(handler, { target: "/files/a.txt" })
          assert.strictEqual(answer.text, "served")
        })
      }),
  )

  it.live("of names: the server says so, stays, and tries again", () =>
    Effect.promise(async () => {
      const folder = temporaryFolder()
      writeFileSync(
        join(folder, "ptth_server.toml"),
        'name = "app"\napi_key = "PlaypenCausalPlatformCommodeImproveCatalyze"\n' +
          'relay_url = "https://relay.invalid"\nfile_server_root = "."\n',
        { mode: 0o600 },
      )
      const server = program(["server"], { cwd: folder })
      await server.running.said(/cannot reach the relay.*(ENOTFOUND|EAI_AGAIN)/, "stderr")
      assert.isFalse(server.hasEnded())
      server.running.child.kill("SIGTERM")
      assert.strictEqual((await server.running.ended).code, 0)
    }),
  )

  it.live("of half its configuration: the relay keeps the whole one, and says so", () =>
    Effect.promise(async () => {
      const whole = relayToml(["app"])
      const relay = await relayProgram(whole)
      const file = join(relay.folder, "ptth_relay.toml")
      const link = await StreamPeer.connect(relay, "app")
      for (const half of ['[[servers]]\nname = "ap', "\0\0\0\0", whole.slice(0, -20)]) {
        writeFileSync(file, half)
        await relay.running.said(/the old one stays in force/, "stderr")
      }
      writeFileSync(file, relayToml(["app", "other"]))
      await relay.running.said(/servers registered: 2/, "stderr")
      assert.isFalse(link.isClosed)
      assert.isFalse(relay.hasEnded())
    }),
  )
})
