/**
 * Unix sockets to which only this user may connect.
 */
import { rmSync } from "node:fs"
import type { Server } from "node:net"

/**
 * Listens on a path in place of an earlier process, on whose socket nobody
 * accepts any more. The socket has its mode from the moment it exists: a mode
 * that is set afterwards leaves others the time in between.
 */
export const listenPrivately = (server: Server, path: string, onListening: () => void): void => {
  rmSync(path, { force: true })
  const mask = process.umask(0o177)
  try {
    server.listen(path, onListening)
  } finally {
    process.umask(mask)
  }
}
