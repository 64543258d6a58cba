/**
 * Three relays behind nginx and behind Caddy, with the files of `deploy/` for a
 * cluster, found by Redis and by a list: one is replaced while visitors use them.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as RelayConfig from "../../src/domain/config/RelayConfig.ts"
import { inFolder, type Running, run, start } from "../cli/Command.ts"
import { fixedPort } from "../support/FixedPort.ts"
import * as Proxies from "../support/Proxies.ts"
import { program, RedisServer } from "../support/RedisServer.ts"
import { visit } from "../support/Visitors.ts"

/** The ports of a relay. */
interface Ports {
  readonly visitors: number
  readonly peers: number
}

const freePorts = async (): Promise<Ports> => ({
  visitors: await fixedPort(),
  peers: await fixedPort(),
})

const relayConfig = ({ peers, visitors }: Ports, id: string, members: string): string => `
listen = "127.0.0.1:${visitors}"
trusted_proxies = ["127.0.0.1/32"]
admin_listen = false
requests_per_second_per_address = 0

[cluster]
id = "${id}"
listen = "127.0.0.1:${peers}"
key_file = "cluster.key"
${members}

[[servers]]
name = "demo"
tripcode = "LEYxkRNoNdLycao+Q8we/Ik6ShNNys6YXNVPFRxhR8w="
`

const serverConfig = (port: number): string => `
name = "demo"
api_key = "RescueSleepPinkSeminarSourceDeriveFiction"
relay_url = "http://127.0.0.1:${port}"
file_server_root = "."
connections = 1
`

const secret = (file: string, text: string): void => writeFileSync(file, text, { mode: 0o600 })

/** Starts a relay, and waits until it listens. */
const startRelay = async (cwd: string, id: string): Promise<Running> => {
  const relay = start(["relay", "--config-path", `${id}.toml`], {
    cwd,
    env: { XDG_RUNTIME_DIR: cwd },
  })
  await relay.said(/Listening/)
  return relay
}

const get = async (url: string): Promise<string> => (await fetch(url)).text()

/** Everything that is asserted of one set-up. */
const replaceOne = (front: number, ports: ReadonlyArray<Ports>, members: string): Promise<void> =>
  inFolder(async (cwd) => {
    secret(join(cwd, "cluster.key"), (await run(["keygen", "--cluster"])).stdout)
    secret(join(cwd, "server.toml"), serverConfig(front))
    writeFileSync(join(cwd, "hello.txt"), "hello\n")
    const relays: Array<Running> = []
    for (const [i, own] of ports.entries()) {
      const id = `r${i}`
      secret(join(cwd, `${id}.toml`), relayConfig(own, id, members))
      relays.push(await startRelay(cwd, id))
    }
    const server = start(["server", "--config-path", "server.toml"], { cwd })
    await server.said(/Open/)
    // Its one link is at one of them, and all serve it.
    for (const { visitors } of ports)
      assert.strictEqual(
        await get(`http://127.0.0.1:${visitors}/servers/demo/files/hello.txt`),
        "hello\n",
      )
    const visitors = visit(
      `http://127.0.0.1:${front}/servers/demo/files/hello.txt`,
      { "kept GET": 2, "fresh GET": 1, "kept POST": 1 },
      (status, body, kind) =>
        kind === "kept POST" ? status === 405 : status === 200 && body === "hello\n",
    )
    await visitors.more(20)
    relays[0]?.child.kill("SIGTERM")
    assert.strictEqual((await relays[0]?.ended)?.code, 0)
    await visitors.more(20)
    await startRelay(cwd, "r0")
    const told = await run(["relay", "peers", "--config-path", "r1.toml"], {
      cwd,
      env: { XDG_RUNTIME_DIR: cwd },
    })
    assert.match(told.stdout, /^r1 +.* process \d+$/m)
    assert.match(told.stdout, /^r2 +up .* 127\.0\.0\.1:\d+$/m)
    await visitors.more(20)
    await visitors.stop()
    assert.deepStrictEqual(visitors.failed, [])
  })

const balancers = [
  { name: "nginx", program: "nginx", isWithRedis: true, begin: Proxies.nginxOfCluster },
  { name: "Caddy", program: "caddy", isWithRedis: false, begin: Proxies.caddyOfCluster },
] as const

for (const { begin, isWithRedis, name, program: proxy } of balancers) {
  const missing = !Proxies.isInstalled(proxy)
    ? `${proxy} is not installed`
    : isWithRedis && program === undefined
      ? "neither redis-server nor valkey-server is installed"
      : undefined
  const found = isWithRedis ? "by Redis" : "by a list"
  describe.skipIf(missing !== undefined)(
    `three relays behind ${name}, found ${found}${missing === undefined ? "" : ` (skipped: ${missing})`}`,
    () => {
      it.live("serve each other's servers, and lose no request while one is replaced", () =>
        Effect.gen(function* () {
          const ports = yield* Effect.promise(() =>
            Promise.all([freePorts(), freePorts(), freePorts()]),
          )
          const front = yield* begin(ports.map(({ visitors }) => visitors) as never)
          const members = isWithRedis
            ? `engine = "${Redacted.value((yield* RedisServer.start()).url)}"`
            : `peers = ${JSON.stringify(ports.map(({ peers }) => `127.0.0.1:${peers}`))}`
          yield* Effect.promise(() => replaceOne(front, ports, members))
        }).pipe(Effect.scoped),
      )
    },
  )
}

describe("deploy/kubernetes.yaml", () => {
  const text = readFileSync(new URL("../../deploy/kubernetes.yaml", import.meta.url), "utf8")
  /** The object of a kind and a name, as its text. */
  const object = (kind: string, name = "ptth-relay"): string =>
    text
      .split("\n---\n")
      .find((part) => part.includes(`kind: ${kind}\nmetadata:\n  name: ${name}\n`)) ?? ""
  const deployment = object("Deployment")
  const [, name = "", port = ""] = /engine = "dns:([\w-]+):(\d+)"/.exec(text) ?? []

  it("has a configuration that the relay takes, and runs it with that", () =>
    inFolder(async (cwd) => {
      const [, config = ""] = /ptth_relay\.toml: \|\n(.*)/s.exec(object("ConfigMap")) ?? []
      secret(join(cwd, "cluster.key"), (await run(["keygen", "--cluster"])).stdout)
      writeFileSync(
        join(cwd, "ptth_relay.toml"),
        config
          .replaceAll(/^ {4}/gm, "")
          .replace("/etc/ptth-cluster/", `${cwd}/`)
          .replace(`dns:${name}:`, "dns:localhost:"),
      )
      const { stdout } = await run(["check", "ptth_relay.toml"], { cwd })
      assert.include(stdout, "a relay's configuration with 1 server")
      assert.include(deployment, 'args: ["relay", "--config-path", "/etc/ptth/ptth_relay.toml"]')
      assert.include(deployment, "{ name: config, mountPath: /etc/ptth,")
      assert.include(deployment, "{ name: cluster, mountPath: /etc/ptth-cluster,")
      assert.include(config, 'key_file = "/etc/ptth-cluster/cluster.key"')
    }))

  it("lets relays find each other by a name with the addresses of all, ready or not", () => {
    const peers = object("Service", name)
    assert.include(peers, "clusterIP: None")
    assert.include(peers, "publishNotReadyAddresses: true")
    assert.include(peers, `{ name: peers, port: ${port}, targetPort: peers }`)
    assert.include(deployment, `{ name: peers, containerPort: ${port} }`)
    assert.include(text, `listen = "0.0.0.0:${port}"`)
  })

  it("gives a relay the time that it takes to stop", () => {
    const [, wait] = /command: \["sleep", "(\d+)"\]/.exec(deployment) ?? []
    const [, most] = /terminationGracePeriodSeconds: (\d+)/.exec(deployment) ?? []
    assert.isAbove(Number(most), Number(wait) + Duration.toSeconds(RelayConfig.empty.shutdownGrace))
    assert.include(deployment, "httpGet: { path: /readyz,")
  })
})
