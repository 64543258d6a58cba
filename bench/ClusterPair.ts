/**
 * Two relays that serve as one, each a process of its own, and a server at the
 * first of them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Redacted from "effect/Redacted"
import * as ApiKey from "../src/domain/ApiKey.ts"
import { newKey } from "../src/transport/auth/NewKey.ts"
import { answers, freePort, said, start, stop } from "./Processes.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
const relayProcess = fileURLToPath(new URL("./ClusterRelay.ts", import.meta.url))

/** See the file's header. */
export interface ClusterPair {
  /** What a visitor puts before the server's own paths, at the relay with the links. */
  readonly near: string
  /** The same at the other relay. */
  readonly far: string
  readonly pids: ReadonlyArray<number>
  readonly stop: () => Promise<void>
}

/** Starts them, with connections over unix sockets or TLS. */
export const startPair = async (network: "unix" | "tls"): Promise<ClusterPair> => {
  const folder = mkdtempSync(join(tmpdir(), "ptth-cluster-"))
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "small"), "x".repeat(300))
  writeFileSync(join(folder, "files", "large"), Buffer.alloc(256 * 1024 * 1024, "x"))
  const key = newKey()
  const ports = [await freePort(), await freePort()]
  const at = (i: number): string =>
    network === "unix" ? `unix:${join(folder, `${i}.sock`)}` : `tcp:127.0.0.1:${ports[i]}`
  const relays = [0, 1].map((i) =>
    start(process.execPath, [relayProcess, `relay${i}`, at(i), at(1 - i), ApiKey.tripcode(key)], {
      cwd: folder,
    }),
  )
  const [near = "", far = ""] = await Promise.all(
    relays.map((relay) => said(relay, /Listening\s+(http:\/\/[\d.:]+)/)),
  )
  writeFileSync(
    join(folder, "ptth_server.toml"),
    `name = "bench"\napi_key = "${Redacted.value(key)}"\nrelay_url = "${near}"\nfile_server_root = "files"\n`,
    { mode: 0o600 },
  )
  const server = start(
    process.execPath,
    [bin, "server", "--config-path", join(folder, "ptth_server.toml"), "--transport", "stream"],
    { cwd: folder },
  )
  await answers(`${near}/servers/bench/files/small`)
  await answers(`${far}/servers/bench/files/small`)
  return {
    near: `${near}/servers/bench/files/`,
    far: `${far}/servers/bench/files/`,
    pids: relays.map(({ pid }) => pid as number),
    stop: async () => {
      await stop(server)
      await Promise.all(relays.map(stop))
      rmSync(folder, { recursive: true })
    },
  }
}
