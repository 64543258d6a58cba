/**
 * Reads the content of a request that asks for another protocol from its socket:
 * it precedes the change of protocol (RFC 9110 7.8). `docker exec` sends such
 * requests.
 */
import type { Duplex } from "node:stream"
import type { Failure } from "../../domain/Failure.ts"
import { ChunkedDecoder } from "../../protocol/http/ChunkedDecoder.ts"
import type { Framing } from "../../protocol/http/Framing.ts"
import { maxUpgradeContent } from "./NodeRequest.ts"

/** How long the content may take to come, in milliseconds. */
const contentMillis = 30_000

/** Called once: with all of the content, or with what is wrong. */
export interface ContentResult {
  readonly whole: (content: Buffer) => void
  readonly failed: (failure: Failure) => void
}

/** Reads the content; what comes behind it is put back into the socket. */
export const read = (socket: Duplex, framing: Framing, result: ContentResult): void => {
  const decoder = framing._tag === "Chunked" ? new ChunkedDecoder() : undefined
  const missing = framing._tag === "Length" ? framing.length : 0
  const chunks: Array<Buffer> = []
  let size = 0
  const finish = (): void => {
    clearTimeout(timer)
    socket.off("data", onData)
    socket.off("end", onEnd)
    socket.off("close", finish)
    socket.pause()
  }
  const fail = (failure: Failure): void => {
    finish()
    result.failed(failure)
  }
  const refuse = (status: number, detail: string): void =>
    fail({ code: "PTTH_BAD_REQUEST", status, detail })
  const onData = (bytes: Buffer): void => {
    const received = bytes.length
    const { behind, data, fault } = decoder?.decode(bytes) ?? takeUpTo(bytes, missing - size)
    size += data.length
    if (fault !== undefined) return refuse(400, fault)
    if (size > maxUpgradeContent)
      return fail({
        code: "PTTH_BODY_TOO_LARGE",
        status: 413,
        detail: `more than ${maxUpgradeContent} bytes before a change of protocol`,
      })
    chunks.push(Buffer.from(data))
    if (behind === undefined) return
    finish()
    if (behind > 0) socket.unshift(bytes.subarray(received - behind))
    result.whole(Buffer.concat(chunks))
  }
  const onEnd = (): void => refuse(400, "the connection ended before the body was whole")
  const timer = setTimeout(() => refuse(408, "the body took too long"), contentMillis)
  socket.on("data", onData)
  socket.on("end", onEnd)
  socket.on("close", finish)
  socket.resume()
}

const takeUpTo = (bytes: Buffer, missing: number) => ({
  data: bytes.subarray(0, missing),
  behind: bytes.length < missing ? undefined : bytes.length - missing,
  fault: undefined,
})
