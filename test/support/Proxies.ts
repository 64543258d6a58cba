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
  const path = join(made.folder, "nginx.conf")
  const site = deployed(file)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replace("server 127.0.0.1:4000", `server 127.0.0.1:${to}`)
    .replaceAll("127.0.0.1:4180", `127.0.0.1:${signIn}`)
    .replace("/etc/ssl/relay.example.com.pem", made.cert)
    .replace("/etc/ssl/relay.example.com.key", made.key)
    .replaceAll("relay.example.com", domain)
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((what) => `${what}_temp_path ${made.folder}/${what};`)
    .join(" ")
  writeFileSync(
    path,
    `daemon off; pid ${made.folder}/pid; error_log stderr; worker_processes 1;
events { worker_connections 1024; }
http { access_log off; ${temporary}
${site} }`,
  )
  yield* run("nginx", ["-c", path, "-e", "stderr"], port)
  return port
})

/** Caddy over TLS in front of a port, from `deploy/Caddyfile`; gives its own port. */
export const caddy = Effect.fnUntraced(function* (to: number, made: Certificate) {
  const port = yield* Effect.promise(freePort)
  const path = join(made.folder, "Caddyfile")
  const site = deployed("Caddyfile")
    .replace(
      "relay.example.com, *.relay.example.com {",
      `https://localhost:${port}, https://${domain}:${port}, https://*.${domain}:${port} {\n\ttls ${made.cert} ${made.key}`,
    )
    .replace("127.0.0.1:4000", `127.0.0.1:${to}`)
  writeFileSync(
    path,
    `{\n\tadmin off\n\tauto_https off\n\tstorage file_system ${made.folder}\n}\n${site}`,
  )
  yield* run("caddy", ["run", "--config", path, "--adapter", "caddyfile"], port)
  return port
})

/** TLS in front of a port, by Node; gives its own port. */
export const terminator = Effect.fnUntraced(function* (to: number, made: Certificate) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const listening = tls.createServer(
        { key: readFileSync(made.key), cert: readFileSync(made.cert) },
        (socket) => {
          const inner = net.connect(to, "127.0.0.1")
          socket.pipe(inner).pipe(socket)
          socket.on("error", () => inner.destroy())
          inner.on("error", () => socket.destroy())
        },
      )
      listening.listen(0, "127.0.0.1")
      await once(listening, "listening")
      return listening
    }),
    (listening) => Effect.sync(() => void listening.close()),
  )
  return (server.address() as net.AddressInfo).port
})

/** An HTTP proxy that only knows CONNECT, and counts what went through it. */
export const connectProxy = Effect.gen(function* () {
  const seen: Array<string> = []
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const listening = http.createServer((_req, res) => res.writeHead(405).end())
      listening.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
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
      listening.listen(0, "127.0.0.1")
      await once(listening, "listening")
      return listening
    }),
    (listening) =>
      Effect.sync(() => {
        listening.close()
        listening.closeAllConnections()
      }),
  )
  return { port: (server.address() as net.AddressInfo).port, seen }
})
