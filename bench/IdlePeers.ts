/**
 * Other programs beside which `bench:idle` measures ours: tunnels with their two
 * ends, and file servers. They are found in PATH and in the folders that
 * PTTH_BENCH_PEERS names; each that is not there is left out.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"

/** A program that answers by itself. */
export interface Peer {
  readonly name: string
  /** @param port where it answers; `other` is one that it may use for something else */
  readonly args: (port: number, other: number) => ReadonlyArray<string>
  /** What it answers with 200. */
  readonly path: string
}

/** The end of a tunnel that is at the application; its first answer comes through the other end. */
export interface Client {
  readonly name: string
  /** The other end, at a port. */
  readonly far: (port: number) => ReadonlyArray<string>
  /** @param visitors the port at the other end that leads to the application's */
  readonly args: (port: number, visitors: number, application: number) => ReadonlyArray<string>
}

/** The programs that answer by themselves. */
export const peers: ReadonlyArray<Peer> = [
  {
    name: "chisel",
    args: (port) => ["server", "--host", "127.0.0.1", "--port", `${port}`],
    path: "/health",
  },
  {
    name: "frps",
    args: (port, other) => [
      "--bind-addr=127.0.0.1",
      `--bind-port=${other}`,
      "--dashboard-addr=127.0.0.1",
      `--dashboard-port=${port}`,
    ],
    path: "/healthz",
  },
  {
    name: "dufs",
    args: (port) => ["--bind", "127.0.0.1", "--port", `${port}`, "files"],
    path: "/note.md",
  },
  {
    name: "miniserve",
    args: (port) => ["--interfaces", "127.0.0.1", "--port", `${port}`, "files"],
    path: "/note.md",
  },
]

/** The programs that connect to another. */
export const clients: ReadonlyArray<Client> = [
  {
    name: "chisel",
    far: (port) => ["chisel", "server", "--host", "127.0.0.1", "--reverse", "--port", `${port}`],
    args: (port, visitors, application) => [
      "client",
      `http://127.0.0.1:${port}`,
      `R:127.0.0.1:${visitors}:127.0.0.1:${application}`,
    ],
  },
  {
    name: "frpc",
    far: (port) => ["frps", "--bind-addr=127.0.0.1", `--bind-port=${port}`],
    args: (port, visitors, application) => [
      "tcp",
      "--server-addr=127.0.0.1",
      `--server-port=${port}`,
      "--local-ip=127.0.0.1",
      `--local-port=${application}`,
      `--remote-port=${visitors}`,
      "--proxy-name=bench",
    ],
  },
]

/** The path of a peer's program, if it is there. */
export const find = (name: string): string | undefined =>
  [process.env.PATH, process.env.PTTH_BENCH_PEERS]
    .flatMap((folders) => folders?.split(":") ?? [])
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
