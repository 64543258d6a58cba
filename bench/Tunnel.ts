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
  /** More of the relay's configuration, after its server. */
  readonly relayConfig?: string
  /** Further arguments of the relay. */
  readonly relayArguments?: ReadonlyArray<string>
  /** The command's entry instead of this version's. */
  readonly bin?: string
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

/** A key for {@link startServer}, and its tripcode for the relay. */
export const serverKey = (): { readonly key: string; readonly tripcode: string } => {
  const key = newKey()
  return { key: Redacted.value(key), tripcode: ApiKey.tripcode(key) }
}

/** Starts a server that serves the folder's `files`. */
export const startServer = (
  relayUrl: string,
  key: string,
  options: Pick<TunnelOptions, "folder" | "transport" | "serverArguments" | "bin">,
  name = "bench",
): ChildProcess => {
  const config = join(mkdtempSync(join(options.folder, "server-")), "ptth_server.toml")
  writeFileSync(
    config,
    `name = "${name}"\napi_key = "${key}"\nrelay_url = "${relayUrl}"\nfile_server_root = "files"\n`,
    { mode: 0o600 },
  )
  return start(
    process.execPath,
    [
      options.bin ?? bin,
      "server",
      "--config-path",
      config,
      "--transport",
      options.transport ?? "auto",
      ...(options.serverArguments ?? []),
    ],
    { cwd: options.folder },
  )
}

/** Starts both and waits until a visitor gets `path`. */
export const startTunnel = async (options: TunnelOptions, path: string): Promise<Tunnel> => {
  const { folder } = options
  const { key, tripcode } = serverKey()
  const config = join(mkdtempSync(join(folder, "relay-")), "ptth_relay.toml")
  writeFileSync(
    config,
    `listen = "127.0.0.1:0"\n[[servers]]\nname = "bench"\ntripcode = "${tripcode}"\n${options.relayConfig ?? ""}`,
  )
  const relay = start(
    process.execPath,
    [options.bin ?? bin, "relay", "--config-path", config, ...(options.relayArguments ?? [])],
    { cwd: folder },
  )
  const relayUrl = await said(relay, /Listening\s+(https?:\/\/[\d.:]+)/)
  const way = options.via === undefined ? relayUrl : await options.via(relayUrl)
  const server = startServer(way, key, options)
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
