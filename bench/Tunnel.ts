/**
 * A relay and a server for the benchmarks, each a process of its own, started
 * as people start them.
 */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Redacted from "effect/Redacted"
import * as ApiKey from "../src/domain/ApiKey.ts"
import { newKey } from "../src/transport/auth/NewKey.ts"
import { answers, said, start, stop } from "./Processes.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

/** What is measured. */
export interface TunnelOptions {
  /** A folder for the configurations, with the files to serve in `files`. */
  readonly folder: string
  readonly transport?: "auto" | "stream" | "classic"
  /** Further arguments of the server. */
  readonly serverArguments?: ReadonlyArray<string>
  /** More of the relay's configuration. */
  readonly relayConfig?: string
  /** Where the server reaches the relay, if not directly. */
  readonly via?: (relayUrl: string) => Promise<string>
}

/** A tunnel that works. */
export interface Tunnel {
  readonly relay: ChildProcess
  readonly server: ChildProcess
  readonly relayUrl: string
  /** What a visitor puts before the server's own paths, with the last slash. */
  readonly base: string
  readonly stop: () => Promise<void>
}

/** Starts both and waits until a visitor gets `path`. */
export const startTunnel = async (options: TunnelOptions, path: string): Promise<Tunnel> => {
  const { folder } = options
  const key = newKey()
  const configs = mkdtempSync(join(folder, "tunnel-"))
  const relayConfig = join(configs, "ptth_relay.toml")
  writeFileSync(
    relayConfig,
    `listen = "127.0.0.1:0"\n[[servers]]\nname = "bench"\ntripcode = "${ApiKey.tripcode(key)}"\n${options.relayConfig ?? ""}`,
  )
  const relay = start(process.execPath, [bin, "relay", "--config-path", relayConfig], {
    cwd: folder,
  })
  const relayUrl = await said(relay, /Listening\s+(http:\/\/[\d.:]+)/)
  const way = options.via === undefined ? relayUrl : await options.via(relayUrl)
  const serverConfig = join(configs, "ptth_server.toml")
  writeFileSync(
    serverConfig,
    `name = "bench"\napi_key = "${Redacted.value(key)}"\nrelay_url = "${way}"\nfile_server_root = "files"\n`,
    { mode: 0o600 },
  )
  const server = start(
    process.execPath,
    [
      bin,
      "server",
      "--config-path",
      serverConfig,
      "--transport",
      options.transport ?? "auto",
      ...(options.serverArguments ?? []),
    ],
    { cwd: folder },
  )
  const base = `${relayUrl}/servers/bench/`
  await answers(base + path)
  return {
    relay,
    server,
    relayUrl,
    base,
    stop: async () => {
      await stop(server)
      await stop(relay)
    },
  }
}
