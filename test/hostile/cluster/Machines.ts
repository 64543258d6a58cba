/**
 * Relays that serve as one, each with the processes that `ptth relay` has, on
 * fixed ports so that one that is started again is where it was; and the load
 * balancer in front of them, which asks `/readyz` as others do.
 */
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { Agent, get } from "node:http"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Balancer, balancer } from "../../support/Balancer.ts"
import { fixedPort } from "../../support/FixedPort.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { type Visitors, visit } from "../../support/Visitors.ts"
import { type Program, program, relayToml } from "../Process.ts"

/** How the relays of a test are configured. */
export interface MachinesOptions {
  readonly ids: ReadonlyArray<string>
  /** The servers that may connect. */
  readonly servers: ReadonlyArray<string>
  /** Their keys: processes take no weak ones. */
  readonly keyOf?: (name: string) => string
  readonly workers?: number
  /** Redis; by default each relay has a list of the others. */
  readonly engine?: string
  /** More settings of `[cluster]`. */
  readonly cluster?: string
  /** Where others reach a relay, if not directly. */
  readonly reach?: (id: string, port: number) => Promise<number>
}

/** One of the relays. */
export class Machine {
  readonly id: string
  readonly host = "127.0.0.1"
  readonly port: number
  readonly url: string
  /** Where it listens for the others. */
  readonly peerPort: number
  now: Program | undefined
  readonly folder = temporaryFolder()

  constructor(id: string, port: number, peerPort: number) {
    this.id = id
    this.port = port
    this.peerPort = peerPort
    this.url = `http://127.0.0.1:${port}`
  }

  get configPath(): string {
    return join(this.folder, "ptth_relay.toml")
  }

  /** Starts it, and waits until it is ready: it knows its peers' links, or has waited for them. */
  async start(): Promise<void> {
    this.now = program(["relay", "--log-level", "info"], {
      cwd: this.folder,
      env: { XDG_RUNTIME_DIR: this.folder },
    })
    await this.now.running.said(/Listening/)
    while ((await this.readiness()) !== "ready\n") await rest()
  }

  /** Stops it as a deploy does: the balancer is told before it ends, and it ends by itself. */
  async drain(front: Balancer): Promise<void> {
    const { running } = this.now as Program
    running.child.kill("SIGTERM")
    while ((await this.readiness()) !== "draining\n") await rest()
    front.targets.delete(this)
    const { code, stderr } = await running.ended
    assert.strictEqual(code, 0, stderr)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const { running } = this.now as Program
    running.child.kill("SIGKILL")
    await running.ended
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.now?.running.child.kill(signal)
  }

  /** What `/readyz` says. */
  readiness(): Promise<string> {
    return textOf(`${this.url}/readyz`)
  }
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

/** The body of a response, whatever its status; empty if there is none. */
const textOf = (url: string): Promise<string> =>
  new Promise((resolve) => {
    get(url, { agent: new Agent({ keepAlive: false }) }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.on("close", () => resolve(text))
    }).on("error", () => resolve(""))
  })

/** The relays of a test, and what is in front of them. */
export interface Machines {
  readonly machines: ReadonlyArray<Machine>
  readonly front: Balancer
  readonly machine: (id: string) => Machine
  /** The key of the cluster. */
  readonly key: string
  /** Writes other lines into the file of the key, for relays that start from now on. */
  readonly changeKey: (...lines: ReadonlyArray<string>) => void
}

/** Configures relays, starts them all, and sets the balancer before them. */
export const machines = Effect.fnUntraced(function* (options: MachinesOptions) {
  const { cluster = "", engine, ids, reach, servers, workers = 1 } = options
  const key = randomBytes(24).toString("hex")
  const keyFile = join(temporaryFolder(), "cluster.key")
  const changeKey = (...lines: ReadonlyArray<string>): void =>
    writeFileSync(keyFile, `${lines.join("\n")}\n`, { mode: 0o600 })
  changeKey(key)
  const all: Array<Machine> = []
  const reached: Array<number> = []
  for (const id of ids) {
    const port = yield* Harness.promised(() => fixedPort())
    // A worker that replaces another one has another number.
    const peerPort = yield* Harness.promised(() => fixedPort(2 * workers))
    all.push(new Machine(id, port, peerPort))
    reached.push(
      reach === undefined ? peerPort : yield* Harness.promised(() => reach(id, peerPort)),
    )
  }
  const addresses = reached.flatMap((port) =>
    Array.from({ length: workers }, (_, worker) => `"127.0.0.1:${port + worker}"`),
  )
  for (const [i, { configPath, id, peerPort, port }] of all.entries()) {
    const settings = `admin_listen = false
lame_duck = "50 s"
shutdown_grace = "55 s"
wait_for_server = "50 s"
workers = ${workers}
[cluster]
id = "${id}"
listen = "127.0.0.1:${peerPort}"
advertise = "127.0.0.1:${reached[i]}"
key_file = "${keyFile}"
${engine === undefined ? `peers = [${addresses.join(", ")}]` : `engine = "${engine}"`}
${cluster}`
    const toml = relayToml(servers, settings, options.keyOf)
    writeFileSync(configPath, toml.replace("127.0.0.1:0", `127.0.0.1:${port}`))
  }
  const front = yield* balancer()
  yield* Harness.promised(() => Promise.all(all.map((machine) => machine.start())))
  for (const machine of all) front.targets.add(machine)
  const machine = (id: string): Machine => {
    const one = all.find((each) => each.id === id)
    if (one === undefined) throw new Error(`there is no ${id}`)
    return one
  }
  const started: Machines = { changeKey, front, key, machine, machines: all }
  return started
})

/** Visitors of each kind. */
export const load = { "kept GET": 4, "fresh GET": 2, "kept POST": 2 } as const

/** Whether an echo of {@link visitServer}'s visitors is right. */
const isEcho = (status: number, body: string, kind: string): boolean =>
  status === 200 && body === (kind === "kept POST" ? "a body" : "")

/** Visitors who use a server that echoes. */
export const visitServer = (base: string, name = "app"): Visitors =>
  visit(`${base}/servers/${name}/x`, load, isEcho)

/** Starts one again after it has drained, one machine after the other, while visitors go on. */
export const roll = async (
  { front, machines }: Machines,
  visitors: Visitors,
  each: number,
): Promise<void> => {
  for (const machine of machines) {
    await machine.drain(front)
    await visitors.more(each)
    await machine.start()
    front.targets.add(machine)
    await visitors.more(each)
  }
}

/** Rolls three relays under load: no request may fail. */
export const deploy = Effect.fnUntraced(function* (engine?: string) {
  const cluster = yield* machines({
    ids: ["a", "b", "c"],
    servers: ["app"],
    ...(engine === undefined ? {} : { engine }),
  })
  yield* Harness.serverAt(cluster.front.url, "app", Harness.echo, { transport: "stream" })
  const visitors = visitServer(cluster.front.url)
  yield* Harness.promised(async () => {
    await visitors.more(20)
    await roll(cluster, visitors, 20)
    await visitors.stop()
  })
  assert.deepStrictEqual(visitors.failed, [])
})
