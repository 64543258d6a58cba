/**
 * Real reverse proxies in front of a relay, started from the very files of
 * `deploy/`, with a certificate made for the test; and a proxy for outgoing
 * connections.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tls from "node:tls"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { listening } from "./LocalServer.ts"
import { passUpgrade } from "./UpgradeProxy.ts"

/** Whether a program can be run here. */
export const isInstalled = (program: string): boolean =>
  spawnSync(program, ["-v"], { stdio: "ignore" }).error === undefined

/** A folder that lasts as long as the Scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ptth-proxy-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

/** A key and a certificate for localhost, good for a day. */
export interface Certificate {
  readonly key: string
  readonly cert: string
  readonly folder: string
  /** The certificate's text, which is also its own authority. */
  readonly pem: string
}

/** Makes a certificate with openssl. */
export const certificate = Effect.map(folder, (path): Certificate => {
  const key = join(path, "key.pem")
  const cert = join(path, "cert.pem")
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost,DNS:relay.localhost,DNS:*.relay.localhost,IP:127.0.0.1",
    ],
    { stdio: "ignore" },
  )
  return { key, cert, folder: path, pem: readFileSync(cert, "utf8") }
})

/** A port that nobody listened on a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const answers = async (port: number, alive: () => boolean): Promise<void> => {
  for (;;) {
    if (!alive()) throw new Error("the proxy ended before it listened")
    const socket = net.connect(port, "127.0.0.1")
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true))
      socket.once("error", () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const run = (program: string, args: ReadonlyArray<string>, port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] })
      let said = ""
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text
      })
      await answers(port, () => {
        if (child.exitCode !== null) throw new Error(said)
        return true
      })
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null) return
        child.kill("SIGTERM")
        await once(child, "exit")
      }),
  )

const deployed = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)), "utf8")

/** The domain that the proxies are told instead of that of the files. */
export const domain = "relay.localhost"

/** nginx over TLS in front of a port, from a file of `deploy/`; gives its own port. */
export const nginx = (to: number, made: Certificate) => nginxFrom("nginx.conf", to, made)

/** nginx as {@link nginx}, which asks who has signed in at another port. */
export const nginxWithSignIn = (to: number, made: Certificate, signIn: number) =>
  nginxFrom("nginx-oauth2.conf", to, made, signIn)

const nginxFrom = Effect.fnUntraced(function* (
  file: string,
  to: number,
  made: Certificate,
  signIn = 4180,
) {
  const port = yield* Effect.promise(freePort)
  const site = deployed(file)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replace("server 127.0.0.1:4000", `server 127.0.0.1:${to}`)
    .replaceAll("127.0.0.1:4180", `127.0.0.1:${signIn}`)
    .replace("/etc/ssl/relay.example.com.pem", made.cert)
    .replace("/etc/ssl/relay.example.com.key", made.key)
    .replaceAll("relay.example.com", domain)
  yield* runNginx(site, made.folder, port)
  return port
})

const runNginx = Effect.fnUntraced(function* (site: string, path: string, port: number) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((what) => `${what}_temp_path ${path}/${what};`)
    .join(" ")
  const file = join(path, "nginx.conf")
  writeFileSync(
    file,
    `daemon off; pid ${path}/pid; error_log stderr; worker_processes 1;
events { worker_connections 1024; }
http { access_log off; ${temporary}
${site} }`,
  )
  yield* run("nginx", ["-c", file, "-e", "stderr"], port)
})

/** Caddy over TLS in front of a port, from `deploy/Caddyfile`; gives its own port. */
export const caddy = Effect.fnUntraced(function* (to: number, made: Certificate) {
  const port = yield* Effect.promise(freePort)
  const site = deployed("Caddyfile")
    .replace(
      domains,
      `https://localhost:${port}, https://${domain}:${port}, https://*.${domain}:${port} {\n\ttls ${made.cert} ${made.key}`,
    )
    .replace("127.0.0.1:4000", `127.0.0.1:${to}`)
  yield* runCaddy(site, made.folder, port)
  return port
})

/** Where the sites of `deploy/`'s files for Caddy begin. */
const domains = "relay.example.com, *.relay.example.com {"

const runCaddy = Effect.fnUntraced(function* (site: string, path: string, port: number) {
  const file = join(path, "Caddyfile")
  writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n\tstorage file_system ${path}\n}\n${site}`)
  yield* run("caddy", ["run", "--config", file, "--adapter", "caddyfile"], port)
})

/** The relays of `deploy/`'s files for a cluster. */
const clusterHosts = ["10.0.0.2:4000", "10.0.0.3:4000", "10.0.0.4:4000"] as const

/** The ports of three relays. */
export type ClusterPorts = readonly [number, number, number]

const behind = (site: string, to: ClusterPorts): string =>
  clusterHosts.reduce(
    (text, host, i) => text.replace(new RegExp(`(?<=^[^#\n]*)${host}`, "m"), `127.0.0.1:${to[i]}`),
    site,
  )

/** nginx without TLS in front of three ports, from `deploy/nginx-cluster.conf`; gives its own port. */
export const nginxOfCluster = Effect.fnUntraced(function* (to: ClusterPorts) {
  const port = yield* Effect.promise(freePort)
  const site = behind(deployed("nginx-cluster.conf"), to)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port}`)
    .replaceAll(/^ *ssl_.*\n/gm, "")
  yield* runNginx(site, yield* folder, port)
  return port
})

/** Caddy without TLS in front of three ports, from `deploy/Caddyfile.cluster`; gives its own port. */
export const caddyOfCluster = Effect.fnUntraced(function* (to: ClusterPorts) {
  const port = yield* Effect.promise(freePort)
  const site = behind(deployed("Caddyfile.cluster"), to).replace(
    domains,
    `http://127.0.0.1:${port} {`,
  )
  yield* runCaddy(site, yield* folder, port)
  return port
})

/** TLS in front of a port, by Node; gives its own port. */
export const terminator = Effect.fnUntraced(function* (to: number, made: Certificate) {
  const files = { key: readFileSync(made.key), cert: readFileSync(made.cert) }
  const server = tls.createServer(files, (socket) => {
    const inner = net.connect(to, "127.0.0.1")
    socket.pipe(inner).pipe(socket)
    socket.on("error", () => inner.destroy())
    inner.on("error", () => socket.destroy())
  })
  return yield* listening(server)
})

/** An HTTP proxy that only knows CONNECT, and counts what went through it. */
export const connectProxy = Effect.gen(function* () {
  const seen: Array<string> = []
  const server = http.createServer((_req, res) => res.writeHead(405).end())
  server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
    seen.push(request.url ?? "")
    const [host, port] = (request.url ?? "").split(":")
    const inner = net.connect(Number(port), host)
    inner.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      socket.pipe(inner).pipe(socket)
    })
    socket.on("error", () => inner.destroy())
    inner.on("error", () => socket.destroy())
  })
  return { port: yield* listening(server), seen }
})

/** An HTTP proxy that knows no CONNECT, and passes changes of protocol on. */
export const upgradingProxy = Effect.gen(function* () {
  const seen: Array<string> = []
  const server = http.createServer((_req, res) => res.writeHead(501).end())
  server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
    seen.push(`CONNECT ${request.url}`)
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
  })
  server.on("upgrade", (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    const { host, hostname, pathname, port } = new URL(request.url ?? "")
    seen.push(`GET ${host}`)
    socket.on("error", () => {})
    request.url = pathname
    passUpgrade({ host: hostname, port: Number(port) }, request, socket, head)
  })
  return { port: yield* listening(server), seen }
})
