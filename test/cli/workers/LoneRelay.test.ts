/**
 * `ptth relay peers` and `ptth relay roll` for a relay of one process, beside
 * one of two workers on another machine.
 */
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { fixedPort } from "../../support/FixedPort.ts"
import { inFolder, type Running, run, start } from "../Command.ts"

interface Machine {
  readonly relay: Running
  readonly ask: (question: string) => ReturnType<typeof run>
}

const stop = ({ relay }: Machine) => {
  relay.child.kill("SIGTERM")
  return relay.ended
}

/** Starts a relay whose cluster has another member. */
const startMachine = async (
  folder: string,
  id: string,
  more: string,
  own: number,
  other: number,
): Promise<Machine> => {
  const cwd = join(folder, id)
  mkdirSync(cwd, { mode: 0o700 })
  const config = join(cwd, "ptth_relay.toml")
  writeFileSync(join(cwd, "key"), "a-key-of-the-cluster-that-is-long-enough\n", { mode: 0o600 })
  writeFileSync(
    config,
    `listen = "127.0.0.1:0"
admin_listen = false
${more}
[cluster]
id = "${id}"
listen = "127.0.0.1:${own}"
key_file = "${join(cwd, "key")}"
peers = ["127.0.0.1:${other}"]
`,
  )
  const env = { XDG_RUNTIME_DIR: cwd }
  const relay = start(["relay"], { cwd, env })
  await relay.said(/Listening/)
  return {
    relay,
    ask: (question) => run(["relay", question, "--config-path", config], { cwd, env }),
  }
}

/** Asks until the table of peers is as it is to be. */
const askUntil = async ({ ask }: Machine, wanted: RegExp): Promise<string> => {
  for (;;) {
    const { stdout } = await ask("peers")
    if (wanted.test(stdout)) return stdout
  }
}

describe.skipIf(process.platform === "win32")("a relay of one process with a cluster", () => {
  it("shows itself and the relays of other machines, and says why it cannot be rolled", () =>
    inFolder(async (folder) => {
      const ports = [await fixedPort(), await fixedPort(4)] as const
      const one = await startMachine(folder, "one", "", ports[0], ports[1])
      const unreached = await askUntil(one, /unreached .*ECONNREFUSED/)
      assert.match(unreached, /^one +ready +\S+Z +\d+\.\S+ +0 +- +process \d+$/m)
      assert.match(
        unreached,
        new RegExp(`^- +unreached +- +- +- +- +127.0.0.1:${ports[1]} +ECONNREFUSED$`, "m"),
      )
      const two = await startMachine(folder, "two", "workers = 2", ports[1], ports[0])
      const table = await askUntil(one, /^two\.0 +up [\s\S]*^two\.1 +up /m)
      assert.match(table, /^two\.0 +up +\S+Z +\d+\.\S+ +0 +\d+\.\d ms +127\.0\.0\.1:\d+$/m)
      assert.notMatch(table, /unreached/)
      const other = await askUntil(two, /^one +up /m)
      assert.match(other, /^two\.0 +ready .*\ntwo\.1 +ready .*\none +up .* ms +127\.0\.0\.1:\d+$/m)
      const { code, stderr } = await one.ask("roll")
      assert.strictEqual(code, 1)
      assert.match(stderr, /^PTTH_ROLL_ALONE: it is one process .* Restart it/)
      await stop(two)
      await stop(one)
    }))

  it("shows itself as draining until it has ended", () =>
    inFolder(async (folder) => {
      const ports = [await fixedPort(), await fixedPort(4)] as const
      const waits = 'lame_duck = "60 s"\nshutdown_grace = "60 s"'
      const one = await startMachine(folder, "one", waits, ports[0], ports[1])
      await askUntil(one, /^one +ready /m)
      const [, url = ""] = await one.relay.said(/Listening +(\S+)/)
      // A visitor who may use the connection again keeps the relay from ending at once.
      const visitor = net.connect(Number(new URL(url).port), "127.0.0.1")
      visitor.on("error", () => {}).write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
      await once(visitor, "data")
      one.relay.child.kill("SIGTERM")
      await askUntil(one, /^one +draining /m)
      await stop(one)
      visitor.destroy()
    }))
})
