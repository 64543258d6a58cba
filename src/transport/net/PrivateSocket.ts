/**
 * Sockets by which processes of one machine reach each other: unix sockets to
 * which only this user may connect, and named pipes on Windows.
 */
import { createHash } from "node:crypto"
import { readdirSync, rmSync } from "node:fs"
import type { Server } from "node:net"
import * as NodePath from "node:path"

/** The folder of all named pipes of a Windows machine. */
const pipes = "\\\\.\\pipe\\"

const isPipe = (address: string): boolean => address.startsWith(pipes)

/** What the names of a folder's pipes begin with. Paths and pipes of Windows ignore case. */
const pipePrefix = (folder: string): string => {
  const path = NodePath.win32.normalize(`${folder}\\`).toLowerCase()
  return `ptth-${createHash("sha256").update(path).digest("hex").slice(0, 16)}-`
}

/**
 * The address of the socket with a name in a folder. A named pipe is in no
 * folder: its name begins with a hash of the folder's path. Every user of the
 * machine may read from a named pipe, so no secret must be sent on one.
 */
export const addressIn = (
  folder: string,
  name: string,
  platform: NodeJS.Platform = process.platform,
): string =>
  platform === "win32" ? `${pipes}${pipePrefix(folder)}${name}` : NodePath.posix.join(folder, name)

/** The addresses of the sockets in a folder that have a name with this ending; `list` reads a folder. */
export const addressesIn = (
  folder: string,
  ending: string,
  platform: NodeJS.Platform = process.platform,
  list: (folder: string) => ReadonlyArray<string> = readdirSync,
): ReadonlyArray<string> => {
  const [place, prefix] = platform === "win32" ? [pipes, pipePrefix(folder)] : [folder, ""]
  try {
    return list(place)
      .filter((name) => name.startsWith(prefix) && name.endsWith(ending))
      .map((name) => addressIn(folder, name.slice(prefix.length), platform))
  } catch {
    return []
  }
}

/**
 * Listens at an address in place of an earlier process, on whose socket nobody
 * accepts any more. A unix socket has its mode from the moment it exists: a mode
 * that is set afterwards leaves others the time in between.
 */
export const listenPrivately = (server: Server, address: string, onListening: () => void): void => {
  if (isPipe(address)) {
    server.listen(address, onListening)
    return
  }
  rmSync(address, { force: true })
  const mask = process.umask(0o177)
  try {
    server.listen(address, onListening)
  } finally {
    process.umask(mask)
  }
}
