/**
 * The ways to reach a file that `bench/peers.ts` compares: nginx directly, other
 * tunnels in front of nginx, and ours. The other tunnels' programs are found in
 * the folder that PTTH_BENCH_PEERS names; each that is not there is left out.
 * TLS is spoken by the relay itself, or by Caddy in front of it, if there is one
 * (and `openssl`).
 */
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isInstalled } from "./Load.ts"
import { answers, freePort, start, stop } from "./Processes.ts"
import { certificateIn, listens, startCaddy, type TlsFront } from "./TlsFronts.ts"
import { startTunnel } from "./Tunnel.ts"

/** A way that works. */
export interface Way {
  /** What comes before the file's name. */
  readonly base: string
  /** The programs whose memory counts, the public end first. */
  readonly programs: ReadonlyArray<ChildProcess>
  readonly stop: () => Promise<void>
}

/** What is compared. */
export interface Candidate {
  readonly name: string
  /** Whether it takes uploads: what serves our own files does not. */
  readonly takesUploads: boolean
  readonly start: () => Promise<Way>
}

/** The arguments of a tunnel's two ends. */
interface Ends {
  readonly relay: ReadonlyArray<string>
  readonly server: ReadonlyArray<string>
}

/** Of each tunnel: by the port of its public end, that of visitors and that of nginx. */
const ends: Record<
  string,
  (port: number, visitors: number, nginx: number, folder: string) => Ends
> = {
  chisel: (port, visitors, nginx) => ({
    relay: ["server", "--host", "127.0.0.1", "--reverse", "--port", `${port}`],
    server: ["client", `http://127.0.0.1:${port}`, `R:127.0.0.1:${visitors}:127.0.0.1:${nginx}`],
  }),
  rathole: (port, visitors, nginx, folder) => {
    const relay = join(folder, "relay.toml")
    const server = join(folder, "server.toml")
    const token = `default_token = "bench"\n`
    writeFileSync(
      relay,
      `[server]\nbind_addr = "127.0.0.1:${port}"\n${token}[server.services.web]\nbind_addr = "127.0.0.1:${visitors}"\n`,
    )
    writeFileSync(
      server,
      `[client]\nremote_addr = "127.0.0.1:${port}"\n${token}[client.services.web]\nlocal_addr = "127.0.0.1:${nginx}"\n`,
    )
    return { relay: [relay], server: [server] }
  },
  bore: (_port, visitors, nginx) => ({
    relay: ["server"],
    server: ["local", `${nginx}`, "--to", "127.0.0.1", "--port", `${visitors}`],
  }),
  wstunnel: (port, visitors, nginx) => ({
    relay: ["server", `ws://127.0.0.1:${port}`, "--log-lvl", "ERROR"],
    server: [
      "client",
      "-R",
      `tcp://127.0.0.1:${visitors}:127.0.0.1:${nginx}`,
      `ws://127.0.0.1:${port}`,
      "--log-lvl",
      "ERROR",
    ],
  }),
}

/** The port of bore's public end, which cannot be chosen. */
const borePort = 7835

const startPeer = async (name: string, program: string, folder: string, nginx: number) => {
  const port = name === "bore" ? borePort : await freePort()
  const visitors = await freePort()
  const configs = mkdtempSync(join(folder, `${name}-`))
  const make = ends[name]
  if (make === undefined) throw new Error(`no tunnel is called ${name}`)
  const { relay, server } = make(port, visitors, nginx, configs)
  const programs = [start(program, relay, { cwd: configs })]
  await listens(port)
  programs.unshift(start(program, server, { cwd: configs }))
  for (const child of programs) child.stdout?.resume()
  const base = `http://127.0.0.1:${visitors}/`
  await answers(`${base}small.bin`)
  return {
    base,
    programs: programs.toReversed(),
    stop: async () => {
      for (const child of programs) await stop(child)
    },
  }
}

/** What there is to compare on this machine. */
export const candidates = (folder: string, nginx: number): ReadonlyArray<Candidate> => {
  const origin = `http://127.0.0.1:${nginx}`
  const peers = process.env.PTTH_BENCH_PEERS
  const programs = Object.keys(ends).map((name) => ({ name, program: join(peers ?? "", name) }))
  const ours = (
    name: string,
    takesUploads: boolean,
    path: string,
    options: Partial<Parameters<typeof startTunnel>[0]>,
  ): Candidate => ({
    name,
    takesUploads,
    start: async () => {
      const tunnel = await startTunnel(
        { folder, transport: "stream", ...options },
        `${path}small.bin`,
      )
      const { relay, server } = tunnel
      return { base: tunnel.base + path, programs: [relay, server], stop: tunnel.stop }
    },
  })
  const overTls: ReadonlyArray<Candidate> = [
    {
      name: "ptth, TLS by the relay",
      takesUploads: false,
      start: async () => {
        const { cert, key } = certificateIn(folder)
        const relayArguments = ["--tls-cert", cert, "--tls-key", key]
        const options = { folder, transport: "stream", relayArguments } as const
        const { base, relay, server, stop } = await startTunnel(options, "files/small.bin")
        return { base: `${base}files/`, programs: [relay, server], stop }
      },
    },
    {
      name: "ptth, TLS by Caddy",
      takesUploads: false,
      start: async () => {
        const fronts: Array<TlsFront> = []
        // The server, too, reaches the relay by TLS, as it does one that speaks it itself.
        const via = async (relayUrl: string): Promise<string> => {
          const front = await startCaddy(folder, relayUrl, certificateIn(folder))
          fronts.push(front)
          return front.url
        }
        const tunnel = await startTunnel({ folder, transport: "stream", via }, "files/small.bin")
        return {
          base: `${fronts[0]?.url}/servers/bench/files/`,
          programs: [tunnel.relay, tunnel.server],
          stop: async () => {
            await tunnel.stop()
            for (const { program } of fronts) await stop(program)
          },
        }
      },
    },
  ]
  return [
    {
      name: "nginx, direct",
      takesUploads: true,
      start: async () => ({ base: `${origin}/`, programs: [], stop: async () => {} }),
    },
    ...(peers === undefined ? [] : programs)
      .filter(({ program }) => existsSync(program))
      .map(({ name, program }) => ({
        name,
        takesUploads: true,
        start: () => startPeer(name, program, folder, nginx),
      })),
    ours("ptth, own files", false, "files/", {}),
    ours("ptth, --to nginx", true, "", { serverArguments: ["--to", origin] }),
    ours("ptth, classic", false, "files/", { transport: "classic" }),
    ...(isInstalled("openssl", "version")
      ? overTls.slice(0, isInstalled("caddy", "version") ? 2 : 1)
      : []),
  ]
}
