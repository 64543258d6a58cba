/**
 * The head of a message and its body as one piece, for one write.
 */

/** @param head a character stands for a byte */
export const join = (head: string, body: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, "latin1")
  bytes.set(body, head.length)
  return bytes
}
