/**
 * Writes many chunks to a connection in few writes: each run of small chunks is
 * copied into one buffer, large ones are not copied.
 */
import type { Duplex } from "node:stream"
import { whenWritten } from "../net/NodeBody.ts"

/** Chunks below this size, in bytes, are copied into one buffer with their neighbours. */
const copyBelow = 16 * 1024

const noHeader = (): number => 0

/**
 * Writes chunks in order.
 *
 * @param done called once the chunks are not needed any more
 * @param headerBytes the size of what `writeHeader` writes before them
 * @param writeHeader writes to the beginning of a buffer, and returns how much
 */
export const writeChunks = (
  socket: Duplex,
  chunks: ReadonlyArray<Uint8Array>,
  done: (() => void) | undefined,
  headerBytes = 0,
  writeHeader: (piece: Buffer) => number = noHeader,
): void => {
  let index = 0
  let run = runBytes(chunks, 0)
  let piece = Buffer.allocUnsafe(headerBytes + run)
  let at = writeHeader(piece)
  const whenDone = done === undefined ? undefined : whenWritten(done)
  socket.cork()
  while (index < chunks.length) {
    for (; run > 0; index++) {
      const chunk = chunks[index] as Uint8Array
      piece.set(chunk, at)
      at += chunk.length
      run -= chunk.length
    }
    if (at > 0) socket.write(piece, index === chunks.length ? whenDone : undefined)
    at = 0
    const large = chunks[index]
    if (large === undefined) break
    index += 1
    socket.write(large, index === chunks.length ? whenDone : undefined)
    run = runBytes(chunks, index)
    if (run > 0) piece = Buffer.allocUnsafe(run)
  }
  socket.uncork()
}

/** The size of the run of small chunks that starts at index `from`. */
const runBytes = (chunks: ReadonlyArray<Uint8Array>, from: number): number => {
  let bytes = 0
  for (let i = from; i < chunks.length; i++) {
    const { length } = chunks[i] as Uint8Array
    if (length >= copyBelow) break
    bytes += length
  }
  return bytes
}
