/**
 * Writes the heads of HTTP/1.1 messages (RFC 9112 2.1). In a head, as in all
 * field values, a character stands for one byte (ISO 8859-1).
 */
import { type Header, type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"

/** Whether a field can be written; any other could begin a field or a message of its own. */
export const isWritable = ([name, value]: Header): boolean => isName(name) && isValue(value)

/** Field lines, each with its CRLF. Every field has to be {@link isWritable}. */
export const fieldLines = (fields: HeaderList): string => {
  let text = ""
  for (const [name, value] of fields) text += `${name}: ${value}\r\n`
  return text
}

/** The head of a request, with the empty line. */
export const request = (method: string, target: string, fields: HeaderList): string =>
  `${method} ${target} HTTP/1.1\r\n${fieldLines(fields)}\r\n`

/**
 * The head of a response, with the empty line.
 *
 * @param reason the reason phrase, such as `Not Found`
 * @param lines field lines that are text already, each with its CRLF; they follow `fields`
 */
export const response = (status: number, reason: string, fields: HeaderList, lines = ""): string =>
  `HTTP/1.1 ${status} ${reason}\r\n${fieldLines(fields)}${lines}\r\n`

/** A head and the body behind it as one piece, for one write. */
export const join = (head: string, body: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, "latin1")
  bytes.set(body, head.length)
  return bytes
}
