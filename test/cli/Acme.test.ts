/**
 * Certificates by ACME with a real authority: Pebble, with its test server for
 * challenges as the name server. It refuses nonces at random and checks the
 * relay's own ports.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import type { X509Certificate } from "node:crypto"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import * as https from "node:https"
import { homedir } from "node:os"
import { join } from "node:path"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixedPort } from "../support/FixedPort.ts"
import * as Proxies from "../support/Proxies.ts"
import { inFolder, type Running, run, start } from "./Command.ts"

const pathOf = (program: string): string | undefined => {
  const path = spawnSync("which", [program], { encoding: "utf8" }).stdout?.trim()
  if (path) return path
  const inGo = join(process.env.GOPATH ?? join(homedir(), "go"), "bin", program)
  return existsSync(inGo) ? inGo : undefined
}

const pebble = pathOf("pebble")
const nameServer = pathOf("pebble-challtestsrv")
const hasAll = pebble !== undefined && nameServer !== undefined && Proxies.isInstalled("openssl")
const reason = hasAll
  ? ""
  : " (skipped: pebble, pebble-challtestsrv or openssl is missing; `go install github.com/letsencrypt/pebble/v2/cmd/...@v2.10.3`)"

const started = new Set<ChildProcess>()

const begin = (program: string, args: ReadonlyArray<string>, env: object = {}): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "pipe", env: { ...process.env, ...env } })
    started.add(child)
    const look = (chunk: Buffer): void => {
      if (/Starting management server|ACME directory available/.test(`${chunk}`)) resolve()
    }
    child.stdout.on("data", look)
    child.stderr.on("data", look)
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)))
  })

interface World {
  readonly cwd: string
  readonly port: number
  readonly plainPort: number
  readonly root: string
  readonly directory: string
}

const read = (url: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    https
      .get(url, { ca, agent: false }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", () => resolve(Buffer.concat(chunks).toString()))
      })
      .once("error", reject)
  })

/** Starts Pebble and its name server, which leads every host to this machine. */
const world = async (cwd: string, own: Proxies.Certificate): Promise<World> => {
  const port = await fixedPort(6)
  const [plainPort, acme, management, dns, records] = [1, 2, 3, 4, 5].map((i) => port + i)
  const config = join(cwd, "pebble.json")
  writeFileSync(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${acme}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: own.cert,
        privateKey: own.key,
        httpPort: plainPort,
        tlsPort: port,
        retryAfter: { authz: 1, order: 1 },
        profiles: { default: { description: "", validityPeriod: 7_776_000 } },
      },
    }),
  )
  await begin(nameServer ?? "", [
    "-dnsserver",
    `127.0.0.1:${dns}`,
    "-management",
    `127.0.0.1:${records}`,
    "-defaultIPv4",
    "127.0.0.1",
    "-defaultIPv6",
    "",
    "-http01",
    "",
    "-https01",
    "",
    "-tlsalpn01",
    "",
    "-doh",
    "",
  ])
  await begin(pebble ?? "", ["-config", config, "-dnsserver", `127.0.0.1:${dns}`], {
    PEBBLE_WFE_NONCEREJECT: "20",
    PEBBLE_VA_NOSLEEP: "1",
  })
  return {
    cwd,
    port,
    plainPort: plainPort as number,
    root: await read(`https://localhost:${management}/roots/0`, own.pem),
    directory: `https://localhost:${acme}/dir`,
  }
}

const configOf = ({ cwd, directory, plainPort, port }: World, own: Proxies.Certificate): string =>
  `domain = "relay.example.com"
acme = "me@example.com"
acme_directory = "${directory}"
acme_ca = "${own.cert}"
state_dir = "${join(cwd, "state")}"
listen = "127.0.0.1:${port}"
http_listen = "127.0.0.1:${plainPort}"
admin_listen = false
shutdown_grace = 0
lame_duck = 0
`

const registered = `
[[servers]]
name = "shop"
tripcode = "LEYxkRNoNdLycao+Q8we/Ik6ShNNys6YXNVPFRxhR8w="
`

/** The certificate that a host is shown, and whether it is trusted. */
const shown = (
  { port, root }: World,
  servername: string,
): Promise<{ readonly certificate: X509Certificate; readonly isTrusted: boolean }> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect(
      { port, host: "127.0.0.1", servername, ca: root, rejectUnauthorized: false },
      () => {
        const certificate = socket.getPeerX509Certificate()
        resolve({ certificate: certificate as X509Certificate, isTrusted: socket.authorized })
        socket.destroy()
      },
    )
    socket.once("error", reject)
  })

/** Waits until a host has a certificate of the authority. */
const untilTrusted = async (world: World, host: string): Promise<X509Certificate> => {
  for (let tries = 0; tries < 200; tries++) {
    const { certificate, isTrusted } = await shown(world, host)
    if (isTrusted) return certificate
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${host} got no certificate`)
}

const stopped = async ({ child, ended }: Running): Promise<void> => {
  child.kill("SIGTERM")
  await ended
}

describe.skipIf(!hasAll)(`a relay with acme${reason}`, () => {
  it.live(
    "is complete: certificates by the plain port, kept over restarts, and in the handshake by workers",
    () =>
      Effect.gen(function* () {
        const own = yield* Proxies.certificate
        yield* Effect.promise(() =>
          inFolder(async (cwd) => {
            try {
              const here = await world(cwd, own)
              writeFileSync(join(cwd, "ptth_relay.toml"), configOf(here, own) + registered)
              const relay = start(["relay"], { cwd })
              await relay.said(/Listening/)
              const first = await untilTrusted(here, "relay.example.com")
              const shop = await untilTrusted(here, "shop.relay.example.com")
              assert.strictEqual(shop.subjectAltName, "DNS:shop.relay.example.com")
              const other = await shown(here, "stranger.relay.example.com")
              assert.strictEqual(other.certificate.fingerprint256, first.fingerprint256)
              const [folder = ""] = readdirSync(join(cwd, "state", "acme"))
              const files = readdirSync(join(cwd, "state", "acme", folder))
              assert.includeMembers(files, [
                "account.json",
                "relay.example.com.pem",
                "shop.relay.example.com.pem",
              ])
              const checked = await run(["check", "ptth_relay.toml"], { cwd })
              assert.match(checked.stdout, /shop\.relay\.example\.com: valid until \d{4}-/)
              await stopped(relay)
              const attic = registered.replace("shop", "attic")
              writeFileSync(
                join(cwd, "ptth_relay.toml"),
                `workers = 2\n${configOf(here, own).replace(/http_listen = .*/, "http_listen = false")}${registered}${attic}`,
              )
              const again = start(["relay"], { cwd })
              await again.said(/Listening/)
              const after = await shown(here, "shop.relay.example.com")
              assert.strictEqual(after.certificate.fingerprint256, shop.fingerprint256)
              await untilTrusted(here, "attic.relay.example.com")
              await stopped(again)
            } finally {
              for (const child of started) child.kill("SIGKILL")
            }
          }),
        )
      }).pipe(Effect.scoped),
  )
})
