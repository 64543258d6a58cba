/**
 * Who speaks TLS with the visitors of a relay: the relay itself, or Caddy or
 * nginx in front of it.
 */
import { type ChildProcess, execFileSync } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { startNginx } from "./Nginx.ts"
import { freePort, start } from "./Processes.ts"

/** A certificate and its key, as files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** A program that speaks TLS, and its address. */
export interface TlsFront {
  readonly program: ChildProcess
  readonly url: string
}

/** Waits until something listens on a port. */
export const listens = async (port: number): Promise<void> => {
  for (const end = Date.now() + 15_000; ; ) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect({ port, host: "127.0.0.1" })
      socket.on("connect", () => {
        socket.destroy()
        resolve(true)
      })
      socket.on("error", () => resolve(false))
    })
    if (isOpen) return
    if (Date.now() > end) throw new Error(`nothing listens on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** A certificate for the loopback address, which nobody checks. */
export const certificateIn = (folder: string): CertificateFiles => {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  execFileSync(
    "openssl",
    ["req", ...kind, "-keyout", key, "-out", cert, "-days", "2", ...subject],
    { stdio: "ignore" },
  )
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"
  return { cert, key }
}

/** Starts Caddy in front of a relay. */
export const startCaddy = async (
  folder: string,
  relayUrl: string,
  { cert, key }: CertificateFiles,
): Promise<TlsFront> => {
  const port = await freePort()
  const config = join(mkdtempSync(join(folder, "caddy-")), "Caddyfile")
  writeFileSync(
    config,
    `{\n admin off\n auto_https off\n}\nhttps://127.0.0.1:${port} {\n tls ${cert} ${key}\n reverse_proxy ${relayUrl}\n}\n`,
  )
  const program = start("caddy", ["run", "--config", config, "--adapter", "caddyfile"], {
    cwd: folder,
  })
  program.stdout?.resume()
  await listens(port)
  return { program, url: `https://127.0.0.1:${port}` }
}

/** Starts nginx with one worker in front of a relay, set up as in `deploy/nginx.conf`. */
export const startTlsNginx = async (
  folder: string,
  relayUrl: string,
  { cert, key }: CertificateFiles,
): Promise<TlsFront> => {
  const port = await freePort()
  const own = mkdtempSync(join(folder, "nginx-"))
  const program = startNginx({
    folder: own,
    files: own,
    port,
    listen: "ssl http2",
    http: `upstream relay { server ${new URL(relayUrl).host}; keepalive 64; }`,
    server: `ssl_certificate ${cert}; ssl_certificate_key ${key}; client_max_body_size 0;
      proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
      location / { proxy_pass http://relay; proxy_set_header Host $http_host; proxy_set_header Connection ""; }`,
  })
  program.stdout?.resume()
  await listens(port)
  return { program, url: `https://127.0.0.1:${port}` }
}
