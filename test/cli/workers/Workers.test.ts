/**
 * A relay of several workers as an operator sees it: replaced, killed and
 * stopped while visitors use it.
 */
import { once } from "node:events"
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { visit } from "../../support/Visitors.ts"
import { startAttic, text, tripcode } from "../AtticServer.ts"
import { inFolder, type Running, run, start } from "../Command.ts"
import { activated } from "../PassedSocket.ts"

const registered = `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`

const configOf = (more: string): string => `listen = "127.0.0.1:0"
admin_listen = false
lame_duck = "1 s"
access_log = "json"
${more}`

interface StartedRelay {
  readonly relay: Running
  readonly base: string
  readonly config: string
  /** Runs a subcommand of `ptth relay` for it. */
  readonly ask: (...args: ReadonlyArray<string>) => ReturnType<typeof run>
  /** The number of each worker's process, by id. */
  readonly workers: () => Promise<ReadonlyMap<string, number>>
  /** How many links of servers all workers have. */
  readonly links: () => Promise<number>
}

const startRelay = async (
  cwd: string,
  more: string,
  ...flags: ReadonlyArray<string>
): Promise<StartedRelay> => {
  const config = join(cwd, "ptth_relay.toml")
  writeFileSync(config, configOf(more))
  const env = { XDG_RUNTIME_DIR: cwd }
  const relay = start(["relay", ...flags], { cwd, env })
  const [, base = ""] = await relay.said(/Listening +(\S+)/)
  const ask: StartedRelay["ask"] = (...args) =>
    run(["relay", ...args, "--config-path", config], { cwd: "/", env })
  const workers = async (): Promise<ReadonlyMap<string, number>> => {
    const { stdout } = await ask("peers")
    return new Map(
      [...stdout.matchAll(/^(\S+\.\d+) +ready .*process (\d+)$/gm)].map(([, id, pid]) => [
        id as string,
        Number(pid),
      ]),
    )
  }
  const links = async (): Promise<number> => {
    const { stdout } = await ask("peers")
    const counts = [...stdout.matchAll(/^\S+\.\d+ +ready +\S+ +\S+ +(\d+) /gm)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  return { relay, base, config, ask, workers, links }
}

/** Whether an answer is that of `/healthz`, or its refusal of a POST. */
const isHealthy = (status: number, body: string, kind: string): boolean =>
  kind === "kept POST" ? status === 405 : status === 200 && body === "ok\n"

/** Whether an answer is that of the application. */
const isFromAttic = (status: number, body: string): boolean => status === 200 && body === text

const load = { "kept GET": 8, "fresh GET": 4, "kept POST": 4 } as const

const stop = (relay: Running) => {
  relay.child.kill("SIGTERM")
  return relay.ended
}

describe.skipIf(process.platform === "win32")("a relay of several workers", () => {
  it("loses no request while its workers are replaced, and passes on each POST once", () =>
    inFolder(async (cwd) => {
      const { ask, base, links, relay, workers } = await startRelay(
        cwd,
        `workers = 4\n${registered}`,
      )
      const { posts, stop: stopServer } = await startAttic(cwd, base)
      const before = await workers()
      assert.strictEqual(before.size, 4)
      while ((await links()) < 4) {
        // The server opens a link to each worker.
      }
      const visitors = visit(`${base}servers/attic/`, load, isFromAttic)
      await visitors.more(20)
      const { code, stdout } = await ask("roll")
      assert.deepStrictEqual([code, stdout], [0, "replaced 4 workers\n"])
      await visitors.more(20)
      await visitors.stop()
      assert.deepStrictEqual(visitors.failed, [])
      assert.strictEqual(posts.count, visitors.answered["kept POST"])
      const after = await workers()
      assert.strictEqual(after.size, 4)
      for (const pid of after.values()) assert.notInclude([...before.values()], pid)
      await stopServer()
      const { code: end, stdout: lines } = await stop(relay)
      assert.strictEqual(end, 0)
      const logged = lines
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line))
        .filter(({ server, status }) => server === "attic" && status === 200)
      const { answered } = visitors
      assert.strictEqual(
        logged.length,
        answered["kept GET"] + answered["fresh GET"] + answered["kept POST"],
      )
    }))

  it("starts a worker again that was killed, and fails no request on connections to others", () =>
    inFolder(async (cwd) => {
      const { base, relay, workers } = await startRelay(cwd, "workers = 2\n")
      const before = await workers()
      const [[id = "", killed = 0] = []] = before
      const visitors = visit(`${base}healthz`, load, isHealthy)
      await visitors.more(20)
      process.kill(killed, "SIGSTOP")
      const ports = peerPorts(killed)
      process.kill(killed, "SIGKILL")
      await relay.said(/PTTH_WORKER_ENDED: worker \d was ended by SIGKILL/, "stderr")
      await visitors.more(20)
      await relay.said(
        /relay started[^\n]*\n[\s\S]*PTTH_WORKER_ENDED[\s\S]*relay started/,
        "stderr",
      )
      await visitors.more(20)
      await visitors.stop()
      for (const failure of visitors.failed)
        assert.include(ports, failure.localPort, failure.reason)
      assert.isAtMost(visitors.failed.length, 16)
      let after = await workers()
      while (after.size < before.size) after = await workers()
      assert.sameMembers([...after.keys()], [...before.keys()])
      assert.notStrictEqual(after.get(id), killed)
      assert.strictEqual((await stop(relay)).code, 0)
    }))

  it("starts workers with the last valid configuration while the file is invalid", () =>
    inFolder(async (cwd) => {
      const { ask, base, config, relay, workers } = await startRelay(
        cwd,
        `workers = 2\n${registered}`,
      )
      const { stop: stopServer } = await startAttic(cwd, base)
      const before = await workers()
      const [killed = 0, other = 0] = before.values()
      writeFileSync(config, configOf("workers = \n"))
      await relay.said(/config not reloaded/, "stderr")
      process.kill(killed, "SIGKILL")
      await relay.said(/the worker starts with the last valid one/, "stderr")
      await relay.said(/PTTH_WORKER_ENDED[\s\S]*relay started/, "stderr")
      const { stdout } = await ask("roll")
      assert.strictEqual(stdout, "replaced 2 workers\n")
      const after = await workers()
      assert.strictEqual(after.size, 2)
      assert.notIncludeMembers([...after.values()], [killed])
      assert.notIncludeMembers([...after.values()], [other])
      const visitors = visit(`${base}servers/attic/`, load, isFromAttic)
      await visitors.more(20)
      await visitors.stop()
      assert.deepStrictEqual(visitors.failed, [])
      await stopServer()
      assert.strictEqual((await stop(relay)).code, 0)
    }))

  it("loses no request when it stops and another relay takes its socket", () =>
    inFolder(async (cwd) => {
      const config = join(cwd, "ptth_relay.toml")
      writeFileSync(config, configOf("workers = 2\n"))
      const { port, shell, until } = await activated(["--config-path", config])
      const first = Number((await until(/process (\d+)/))[1])
      const visitors = visit(`http://127.0.0.1:${port}/healthz`, load, isHealthy)
      await visitors.more(20)
      process.kill(first, "SIGTERM")
      await until(/ended 0/)
      await visitors.more(20)
      await visitors.stop()
      assert.deepStrictEqual(visitors.failed, [])
      const second = Number((await until(/process \d+[\s\S]*process (\d+)/))[1])
      process.kill(second, "SIGTERM")
      await until(/ended 0[\s\S]*ended 0/)
      await once(shell, "close")
    }))

  it("ends its workers at once on a second signal, and when it is killed itself", () =>
    inFolder(async (cwd) => {
      for (const signals of [["SIGTERM", "SIGTERM"], ["SIGKILL"]] as const) {
        const { base, relay, workers } = await startRelay(cwd, "workers = 2\n")
        const pids = [...(await workers()).values()]
        const visitors = visit(`${base}healthz`, load, isHealthy)
        await visitors.more(1)
        for (const signal of signals) relay.child.kill(signal)
        await relay.ended
        await visitors.stop()
        for (const pid of pids) await gone(pid)
      }
    }))

  it("names its peers by configuration, and says so if there is none", () =>
    inFolder(async (cwd) => {
      const { ask, relay } = await startRelay(cwd, "workers = 2\n")
      const other = join(cwd, "other.toml")
      writeFileSync(other, "")
      const { code, stderr } = await run(["relay", "peers", "--config-path", other], {
        env: { XDG_RUNTIME_DIR: cwd },
      })
      assert.strictEqual(code, 1)
      assert.include(
        stderr,
        `PTTH_NO_RUNNING_RELAY: there is none with the configuration ${other}.`,
      )
      assert.match(
        (await ask("peers")).stdout,
        /^ID +STATE +SINCE +VERSION +LINKS +ROUND TRIP +ADDRESS\n\S+\.0 +ready +\S+Z +\d+\.\S+ +0 +- +process \d+\n\S+\.1 +ready /,
      )
      await stop(relay)
      assert.strictEqual((await ask("roll")).code, 1)
    }))

  it("reloads its configuration in all workers, and says what waits for the next start", () =>
    inFolder(async (cwd) => {
      const { base, config, relay } = await startRelay(cwd, "workers = 2\n", "--log-level", "debug")
      writeFileSync(config, configOf('workers = 3\nmax_fields = 1\n[cluster]\nid = "other"\n'))
      await relay.said(
        /the new workers and \[cluster\] settings take effect at the next start/,
        "stderr",
      )
      await relay.said(/(config reloaded[\s\S]*){3}/, "stderr")
      const visitors = visit(
        `${base}healthz`,
        { ...load, "kept POST": 0 },
        (status) => status === 431,
      )
      await visitors.more(20)
      await visitors.stop()
      assert.deepStrictEqual(visitors.failed, [])
      const { stderr } = await stop(relay)
      const levels = [...stderr.matchAll(/"config reloaded[^"]*","level":"(\w+)"/g)]
      assert.sameMembers(
        levels.map(([, level]) => level),
        ["INFO", "DEBUG", "DEBUG"],
      )
    }))
})

/** The ports at the other end of a process's connections on IPv4. */
const peerPorts = (pid: number): ReadonlyArray<number> => {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
      return inode ?? []
    }),
  )
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , , , , , , , inode]) => inode !== undefined && inodes.has(inode))
    .map(([, , remote = ""]) => Number.parseInt(remote.split(":")[1] ?? "", 16))
}

/** Waits until there is no process of this number. */
const gone = async (pid: number): Promise<void> => {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
