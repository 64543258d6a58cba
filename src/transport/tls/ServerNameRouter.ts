/**
 * Lets a listener for TLS give some of its connections away unread, by the host
 * that the client wants. All others go on as they would have.
 */
import type { Server, Socket } from "node:net"
import * as ClientHello from "./ClientHello.ts"

/** Takes connections. */
export interface ServerNameRoutes {
  /** Whether any connection may be taken; otherwise none is looked at. */
  readonly isWanted: () => boolean
  /** Takes a connection; `false` if it is not wanted. Its first bytes have been put back. */
  readonly take: (serverName: string, socket: Socket) => boolean
}

/** How long a client may take for its first message by default, in milliseconds. */
const defaultMillis = 10_000

/**
 * Looks at each new connection of a listener first.
 *
 * @param server a listener whose one listener for connections ends TLS
 * @param millis how long a client may take for its first message
 */
export const install = (server: Server, routes: ServerNameRoutes, millis = defaultMillis): void => {
  const [endTls] = server.listeners("connection") as Array<(socket: Socket) => void>
  if (endTls === undefined) return
  server.off("connection", endTls)
  server.on("connection", (socket: Socket) => {
    const goOn = (): void => endTls.call(server, socket)
    if (routes.isWanted()) look(socket, routes, goOn, millis)
    else goOn()
  })
}

const look = (socket: Socket, routes: ServerNameRoutes, goOn: () => void, millis: number): void => {
  const reader = new ClientHello.ClientHelloReader()
  const timer = setTimeout(() => socket.destroy(), millis)
  const onError = (): void => void socket.destroy()
  const stop = (): void => {
    clearTimeout(timer)
    socket.off("data", onData)
    socket.off("end", onEnd)
    socket.off("close", stop)
    socket.off("error", onError)
  }
  const onData = (chunk: Buffer): void => {
    const hello = reader.take(chunk)
    if (hello._tag === "Incomplete") return
    stop()
    socket.pause()
    socket.unshift(reader.bytes)
    const name = hello._tag === "Hello" ? hello.serverName : undefined
    if (name === undefined || !routes.take(name, socket)) goOn()
  }
  const onEnd = (): void => void socket.destroy()
  socket.on("data", onData)
  socket.on("end", onEnd)
  socket.on("close", stop)
  socket.on("error", onError)
}
