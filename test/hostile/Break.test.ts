/**
 * What a machine can run out of or lose: handles, disk, a writable file
 * system, names. The process lives, says what is wrong, and goes on when it
 * is over.
 */
import { spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import { fromBytes } from "../../src/transport/body/Body.ts"
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

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** What can become of the two files of a relay's logs, and how it is put right. */
const losses: ReadonlyArray<{
  readonly name: string
  readonly lose: (folder: string, files: ReadonlyArray<string>) => void
  /** What the relay says of it; it helps itself where this is missing. */
  readonly says?: string
  readonly mend?: (folder: string, files: ReadonlyArray<string>) => void
}> = [
  {
    name: "deleted",
    lose: (_, files) => {
      for (const file of files) rmSync(file)
    },
  },
  {
    name: "deleted with their folder",
    lose: (folder) => rmSync(folder, { recursive: true }),
    says: "ENOENT",
    mend: (folder) => mkdirSync(folder),
  },
  {
    name: "replaced by folders",
    lose: (_, files) => {
      for (const file of files) {
        rmSync(file)
        mkdirSync(file)
      }
    },
    says: "EISDIR",
    mend: (_, files) => {
      for (const file of files) rmdirSync(file)
    },
  },
]

describe("a machine that runs out", () => {
  it.live.skipIf(unseen !== undefined)(
    "of handles: the relay says so, lives, and serves again",
    () =>
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
        yield* Harness.until("the log says so", () => relay.said().includes("PTTH_NO_FILE_HANDLES"))
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

  /** A relay with both logs in a folder, and ways to have something written to either. */
  const logging = async (folder: string) => {
    const [access = "", audit = ""] = ["access.log", "audit.log"].map((name) => join(folder, name))
    const relay = await relayProgram(
      relayToml(
        ["app"],
        `access_log = "common"\naccess_log_file = "${access}"\naudit_log = "${audit}"`,
      ),
    )
    const visit = async (target: string) =>
      assert.strictEqual(await statusOf(relay, target), 404, relay.said())
    const knock = async () => (await StreamPeer.connect(relay, "app")).socket.terminate()
    const written = (target: string) =>
      Effect.gen(function* () {
        yield* Harness.promised(async () => {
          await visit(target)
          await knock()
        })
        yield* Harness.until(
          `${target} is in the access log, and a server in the audit log`,
          () => textOf(access).includes(target) && textOf(audit).includes("ServerConnected"),
        )
      })
    return { relay, files: [access, audit] as const, visit, knock, written }
  }

  for (const { name, lose, says, mend } of losses) {
    it.live(
      `of its log files, ${name}: the relay ${says ? "says so and goes on" : "makes them anew"}`,
      () =>
        Effect.gen(function* () {
          const folder = join(temporaryFolder(), "logs")
          mkdirSync(folder)
          const { relay, files, visit, knock, written } = yield* Harness.promised(() =>
            logging(folder),
          )
          yield* written("/before")
          lose(folder, files)
          if (says !== undefined) {
            yield* Harness.promised(async () => {
              await visit("/lost")
              await knock()
              for (const [i, log] of ["access", "audit"].entries())
                await relay.running.said(
                  new RegExp(`${log} log cannot be written to ${files[i]} \\(${says}\\)`),
                  "stderr",
                )
            })
            mend?.(folder, files)
          }
          yield* written("/after")
          assert.notInclude(textOf(files[0]), "/before")
          relay.running.child.kill("SIGHUP")
          yield* written("/told")
          assert.include(textOf(files[0]), "/after")
          assert.isFalse(relay.hasEnded(), relay.said())
        }),
    )
  }

  it.live.skipIf(!mayMount)(
    `of a writable disk for its logs: the relay says so and goes on${reason}`,
    () =>
      Effect.gen(function* () {
        const folder = smallDisk() ?? ""
        const remount = (how: string): boolean =>
          spawnSync("mount", ["-o", `remount,${how}`, folder]).status === 0
        const { relay, visit, knock, written } = yield* Harness.promised(() => logging(folder))
        yield* written("/before")
        yield* Harness.until("no file is open any more", () => {
          relay.running.child.kill("SIGHUP")
          return remount("ro")
        })
        yield* Harness.promised(async () => {
          await visit("/lost")
          await knock()
          for (const log of ["access", "audit"])
            await relay.running.said(new RegExp(`${log} log cannot .*EROFS`), "stderr")
        })
        remount("rw")
        yield* written("/after")
        yield* Harness.promised(() => relay.running.said(/written again.*lost: [1-9]/, "stderr"))
        assert.isFalse(relay.hasEnded(), relay.said())
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
