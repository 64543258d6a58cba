/**
 * Reads the body of a response into memory.
 */
import type { IncomingMessage } from "node:http"

/** Called once: with the body, or with `undefined` if it broke off or is too large. */
export type Read = (body: Buffer | undefined) => void

/** Reads a body of at most `maxBytes`; the connection of a larger one is closed. */
export const read = (message: IncomingMessage, maxBytes: number, done: Read): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  let isOver = false
  const end = (body: Buffer | undefined): void => {
    if (isOver) return
    isOver = true
    done(body)
  }
  message.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBytes) return void chunks.push(chunk)
    // Its end may come all the same.
    end(undefined)
    message.destroy()
  })
  message.on("error", () => {})
  message.once("end", () => end(Buffer.concat(chunks)))
  message.once("close", () => end(undefined))
}
