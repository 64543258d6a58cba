/**
 * Finds out whether a port speaks TLS, by a handshake in which nothing is sent:
 * many programs that expect TLS just close a connection without it.
 */
import * as tls from "node:tls"
import * as TlsFault from "./TlsFault.ts"

/** How long the other end may take to show that it speaks TLS, in milliseconds. */
const probeMillis = 3_000

/**
 * Calls `done` once with the result; the returned function ends the attempt.
 *
 * @param host a name or an address, without brackets
 */
export const speaksTls = (
  { host, port }: { readonly host: string; readonly port: number },
  done: (speaksTls: boolean) => void,
): (() => void) => {
  const socket = tls.connect({ host, port, rejectUnauthorized: false })
  let isOver = false
  const end = (result: boolean): void => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    socket.destroy()
    done(result)
  }
  const timer = setTimeout(() => end(false), probeMillis)
  socket.once("secureConnect", () => end(true))
  // An alert, such as one that there is no certificate for this name, is TLS as well.
  socket.on("error", ({ code = "", message }: NodeJS.ErrnoException) =>
    end(TlsFault.isHandshake(code) && !TlsFault.isNoTls(message)),
  )
  socket.on("close", () => end(false))
  return () => {
    isOver = true
    clearTimeout(timer)
    socket.destroy()
  }
}
