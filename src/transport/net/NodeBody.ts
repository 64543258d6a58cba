/**
 * Reads and writes the bodies of Node's HTTP messages and upgraded sockets, with
 * back-pressure.
 */
import type { IncomingMessage, OutgoingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { passable } from "../../protocol/http/Trailers.ts"
import type { Body, BodyFlow, BodySink } from "../body/Body.ts"
import * as BufferPressure from "../runtime/BufferPressure.ts"
import { cutOff, endSoon } from "./ConnectionClose.ts"
import { SmallChunks } from "./SmallChunks.ts"

/** How a body is taken from a message. */
export interface IncomingOptions {
  /** The promised length in bytes. */
  readonly length: number | undefined
  /** Called at the first read. */
  readonly onRead?: () => void
  /** Frees the message when the rest of it is not wanted. */
  readonly abandon: () => void
}

/** The body of a message that Node is receiving. It is paused until it is read. */
export const fromIncoming = (message: IncomingMessage, options: IncomingOptions): Body => ({
  length: options.length,
  whole: undefined,
  discard: options.abandon,
  read: (sink) => readIncoming(message, options, sink),
})

/** The body of a request whose connection is kept: what is not wanted of it is not read. */
export const ofRequest = (request: IncomingMessage): Body => {
  const length = request.headers["content-length"]
  return fromIncoming(request, {
    length: length === undefined ? undefined : Number(length),
    abandon: () => request.pause(),
  })
}

/** One function, since the listeners of the message remove each other. */
const readIncoming = (
  message: IncomingMessage,
  options: IncomingOptions,
  sink: BodySink,
): BodyFlow => {
  let open = true
  const socket = message.socket as Socket | null
  const close = (): void => {
    open = false
    message.off("data", onData)
    message.off("end", onEnd)
    message.off("close", onClose)
    socket?.off("close", onSocketClosed)
  }
  const deliver = (bytes: Buffer): void => {
    if (open && !sink.data(bytes) && open) message.pause()
  }
  const small = new SmallChunks(deliver)
  const onData = (chunk: Buffer): void => {
    BufferPressure.count(chunk.length)
    if (!small.take(chunk)) deliver(chunk)
  }
  const onEnd = (): void => {
    small.flush()
    if (!open) return
    close()
    sink.end(message.rawTrailers.length === 0 ? [] : passable(fromRaw(message.rawTrailers)))
  }
  const onClose = (): void => {
    small.flush()
    if (!open) return
    close()
    sink.fail(new BodyError({ reason: "cut", detail: "the connection broke" }))
  }
  // Node does not tell a request of its connection's end once it has been responded to.
  const onSocketClosed = (): void => {
    if (!message.complete) onClose()
  }
  message.on("error", ignore)
  if (message.destroyed && !message.readableEnded) {
    process.nextTick(() => {
      if (open) onClose()
    })
  } else {
    message.on("data", onData)
    message.on("end", onEnd)
    message.on("close", onClose)
    socket?.once("close", onSocketClosed)
    options.onRead?.()
    message.resume()
  }
  return {
    resume: () => {
      if (open) message.resume()
    },
    cancel: () => {
      if (!open) return
      close()
      options.abandon()
    },
  }
}

const ignore = (): void => {}

/** Calls `release` once a stream has written the bytes; not after a failure, when they may still be in use. */
export const whenWritten =
  (release: () => void) =>
  (error?: Error | null): void => {
    if (error === undefined || error === null) release()
  }

/** Called when a body has been written to a message: one of the two, once. */
export interface OutgoingResult {
  /** All bytes are in the connection's buffer and the message is ended. */
  readonly ended: () => void
  /** The body broke off; the message is neither ended nor destroyed. */
  readonly failed: (error: BodyError) => void
}

/** Writes a body to a message whose head has been written, and ends it. */
export const writeTo = (
  body: Body,
  out: OutgoingMessage | Duplex,
  result: OutgoingResult,
): BodyFlow => {
  const flow = body.read({
    data: (chunk, release) =>
      release === undefined ? out.write(chunk) : out.write(chunk, whenWritten(release)),
    end: (trailers: HeaderList) => {
      out.off("drain", onDrain)
      if (trailers.length > 0 && "addTrailers" in out) out.addTrailers(pairs(trailers))
      out.end()
      result.ended()
    },
    fail: (error) => {
      out.off("drain", onDrain)
      result.failed(error)
    },
  })
  const onDrain = (): void => flow.resume()
  out.on("drain", onDrain)
  return flow
}

/** Writes the body of a response whose head has been written. Whichever of the two breaks off ends the other. */
export const respondWith = (body: Body, response: ServerResponse): void => {
  const flow = writeTo(body, response, {
    ended: () => {},
    failed: () => response.destroy(),
  })
  response.once("close", () => {
    if (!response.writableFinished) flow.cancel()
  })
}

const pairs = (trailers: HeaderList): Array<[string, string]> => trailers.map(([n, v]) => [n, v])

/**
 * Reads an upgraded connection. When the rest is not wanted the connection is
 * closed, gracefully if our side has ended already.
 */
export const readDuplex = (connection: Duplex, sink: BodySink): BodyFlow => {
  let open = true
  const close = (): void => {
    open = false
    connection.off("data", onData)
    connection.off("end", onEnd)
    connection.off("close", onClose)
  }
  const onData = (chunk: Buffer): void => {
    if (!sink.data(chunk) && open) connection.pause()
  }
  const onEnd = (): void => {
    close()
    sink.end([])
  }
  const onClose = (): void => {
    close()
    sink.fail(new BodyError({ reason: "cut", detail: "the connection broke" }))
  }
  connection.on("data", onData)
  connection.on("end", onEnd)
  connection.on("close", onClose)
  connection.resume()
  return {
    resume: () => {
      if (open) connection.resume()
    },
    cancel: () => {
      if (!open) return
      close()
      if (connection.writableEnded) endSoon(connection)
      else cutOff(connection)
    },
  }
}
