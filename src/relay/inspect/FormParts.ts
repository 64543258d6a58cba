/**
 * The parts of a recorded form (RFC 7578), to be listed: what each is called,
 * its type and size, and its text if it has one, with secrets masked.
 */
import * as Schema from "effect/Schema"
import { decodedName, isSecretName } from "../../domain/SecretNames.ts"
import { parameter } from "./RedactForm.ts"
import { mask } from "./Redaction.ts"
import * as RedactSecrets from "./RedactSecrets.ts"

/** One part. */
export const FormPart = Schema.Struct({
  name: Schema.String,
  /** Empty for a part that is no file. */
  file: Schema.String,
  /** Empty if it has none. */
  type: Schema.String,
  length: Schema.Finite,
  /** `undefined` for a file, for binary parts and for long ones. */
  text: Schema.optional(Schema.String),
})
/** See the schema. */
export type FormPart = typeof FormPart.Type

/** Parts as they are sent to an administrator. */
export const FormPartList = Schema.fromJsonString(Schema.Array(FormPart))

/** How many parts are listed. */
const maxParts = 200

/** How many bytes of text of a part are shown. */
const maxText = 4 * 1024

/** Whether a type is that of a form in parts. */
export const isForm = (type: string): boolean => /^\s*multipart\/form-data\b/i.test(type)

const utf8 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("utf8")

const fieldOf = (head: string, name: string): string =>
  head
    .split("\r\n")
    .find((line) => line.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim() ?? ""

const textOf = (name: string, type: string, content: string): string | undefined => {
  if (content.length > maxText) return undefined
  const text = utf8(content)
  if (text.includes("\ufffd") || /[\x00-\x08\x0e-\x1f]/.test(text)) return undefined
  return isSecretName(decodedName(name)) && text !== "" ? mask : RedactSecrets.body(text, type)
}

const partOf = (part: string): FormPart | undefined => {
  const end = part.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = utf8(part.slice(0, end))
  const disposition = fieldOf(head, "content-disposition")
  const name = parameter(disposition, "name") ?? ""
  const file = parameter(disposition, "filename") ?? ""
  const type = fieldOf(head, "content-type")
  const content = part.slice(end + 4)
  return {
    name,
    file,
    type,
    length: content.length,
    text: file === "" ? textOf(name, type, content) : undefined,
  }
}

/** The parts of a body, which may be cut; `undefined` if its type names no boundary. */
export const read = (body: Uint8Array, type: string): ReadonlyArray<FormPart> | undefined => {
  const boundary = parameter(type, "boundary")
  if (boundary === undefined) return undefined
  const pieces = `\r\n${Buffer.from(body).toString("latin1")}`.split(`\r\n--${boundary}`)
  return pieces
    .slice(1, maxParts + 1)
    .filter((piece) => piece.startsWith("\r\n"))
    .flatMap((piece) => partOf(piece.slice(2)) ?? [])
}
