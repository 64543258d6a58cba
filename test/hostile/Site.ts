/**
 * A relay and two servers as processes of their own, each server behind a proxy
 * that can be told to fail, all in front of one application that counts.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { WebSocket } from "ws"
import { make as makeKey, tripcode } from "../../src/domain/ApiKey.ts"
import { fixedPort } from "../support/FixedPort.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { CountingOrigin } from "./CountingOrigin.ts"
import { pause } from "./Crowd.ts"
import { FaultyProxy } from "./FaultyProxy.ts"
import { type Program, program } from "./Process.ts"

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"

/** A process that can be ended and started again. */
export class Service {
  now: Program
  private readonly args: ReadonlyArray<string>
  private readonly folder: string
  private readonly env: { readonly [name: string]: string }

  constructor(
    args: ReadonlyArray<string>,
    folder: string,
    env: { readonly [name: string]: string } = { PTTH_RELAY_ADMIN_LISTEN: "false" },
  ) {
    this.args = args
    this.folder = folder
    this.env = env
    this.now = this.make()
  }

  /** Ends it by a signal, and waits for that. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.now.running.child.kill(signal)
    await this.now.running.ended
  }

  /** Starts it again, and waits until it does its work. */
  async begin(): Promise<void> {
    this.now = this.make()
    if (this.args[0] === "relay") await this.now.running.said(/Listening/)
    else await this.now.running.said(/connected:/, "stderr")
  }

  private make(): Program {
    return program(this.args, { cwd: this.folder, env: this.env })
  }
}

/** See the file's header. */
export interface Site {
  readonly base: string
  readonly relay: Service
  readonly servers: readonly [Service, Service]
  readonly proxies: readonly [FaultyProxy, FaultyProxy]
  readonly origin: CountingOrigin
  /** Writes the relay's configuration with a setting more. */
  readonly configure: (settings: string) => void
  readonly close: () => void
}

/** Starts them with these settings of the relay, and waits until they serve. */
export const start = async (settings = ""): Promise<Site> => {
  const origin = await CountingOrigin.start()
  const port = await fixedPort()
  const folder = temporaryFolder()
  const configure = (more: string): void =>
    writeFileSync(
      join(folder, "ptth_relay.toml"),
      `listen = "127.0.0.1:${port}"\nwait_for_server = "5 s"\nresponse_timeout = "8 s"\n` +
        `heartbeat = "2 s"\nshutdown_grace = "3 s"\n${settings}\n${more}\n` +
        `[[servers]]\nname = "app"\ntripcode = "${tripcode(makeKey(key))}"\n`,
    )
  configure("")
  const relay = new Service(["relay", "--log-level", "error"], folder)
  const proxies = [await FaultyProxy.before(port), await FaultyProxy.before(port)] as const
  const server = (proxy: FaultyProxy): Service => {
    const own = temporaryFolder()
    writeFileSync(
      join(own, "ptth_server.toml"),
      `name = "app"\napi_key = "${key}"\n` +
        `relay_url = "http://127.0.0.1:${proxy.port}"\nto = "http://127.0.0.1:${origin.port}"\n`,
      { mode: 0o600 },
    )
    return new Service(["server"], own)
  }
  const servers = [server(proxies[0]), server(proxies[1])] as const
  const base = `http://127.0.0.1:${port}/servers/app`
  await served(base, 20_000)
  return {
    base,
    relay,
    servers,
    proxies,
    origin,
    configure,
    close: () => {
      origin.close()
      for (const proxy of proxies) proxy.close()
    },
  }
}

/** Tries until that succeeds; how long it took, in milliseconds. */
const untilTrue = async (
  what: string,
  millis: number,
  attempt: () => Promise<boolean>,
): Promise<number> => {
  const begin = performance.now()
  for (;;) {
    const isSo = await attempt()
    const passed = performance.now() - begin
    if (isSo) return passed
    if (passed > millis) throw new Error(`${what} after ${Math.round(passed)} ms`)
    await pause(10)
  }
}

/** Waits until something is served; how long it took, in milliseconds. */
export const served = (base: string, millis: number): Promise<number> =>
  untilTrue("nothing is served", millis, () =>
    fetch(`${base}/bytes?n=1&size=10&as=length`, { headers: { Connection: "close" } }).then(
      async (response) => {
        await response.arrayBuffer()
        return response.status === 200
      },
      () => false,
    ),
  )

/** Waits until a WebSocket is opened; how long it took, in milliseconds. */
export const carriesWebSockets = (base: string, millis: number): Promise<number> =>
  untilTrue(
    "no WebSocket is opened",
    millis,
    () =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${base.replace("http", "ws")}/echo?n=1`)
        socket.on("open", () => {
          socket.close()
          resolve(true)
        })
        socket.on("error", () => resolve(false))
      }),
  )
