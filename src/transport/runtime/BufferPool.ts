/**
 * Large buffers for the bytes of bodies, which are used again: the kernel has to
 * clear new memory page by page, and that takes longer than to fill it
 * (docs/performance.md).
 */

/** The size of each, in bytes. */
export const size = 256 * 1024

/** How many unused ones are kept at most. */
const maxFree = 32

const free: Array<Buffer> = []

/** A buffer with any content. */
export const take = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(size)

/** Gives a buffer back that nobody refers to any more; one of another size is not kept. */
export const giveBack = (buffer: Buffer): void => {
  if (buffer.length === size && free.length < maxFree) free.push(buffer)
}

/** Gives the buffer back when it is called first. */
export const releaseOf = (buffer: Buffer): (() => void) => {
  let isHeld = true
  return () => {
    if (isHeld) giveBack(buffer)
    isHeld = false
  }
}
