/**
 * A recorded body in the form in which an administrator sees it: decoded, with
 * its secrets masked. What leaves the relay that recorded it is this.
 */
import * as zlib from "node:zlib"
import * as Schema from "effect/Schema"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as FormParts from "./FormParts.ts"
import * as RedactSecrets from "./RedactSecrets.ts"

/** See the file's header. */
export interface ShownBody {
  /** `parts`: a form; `binary`: its bytes are not shown. */
  readonly form: "none" | "text" | "image" | "parts" | "binary"
  /** The text in UTF-8, the image, or a list of parts as `FormParts.ts` encodes it. */
  readonly bytes: Uint8Array
  /** How many bytes were passed on. */
  readonly length: number
  /** How many of these were recorded. */
  readonly recorded: number
  /** The value of Content-Encoding; empty without one. */
  readonly encoding: string
  /** Whether there is more of the text than is shown. */
  readonly isPart: boolean
}

/** How many bytes of a text are shown: masking its secrets takes time. */
export const maxShown = 64 * 1024

const encodeParts = Schema.encodeSync(FormParts.FormPartList)

/** The limit of a decoded body in bytes. */
const maxDecoded = 1024 * 1024

const options = { maxOutputLength: maxDecoded }

/** What is there of a body that was cut is decoded, too. */
const cutOptions = () => ({ ...options, finishFlush: zlib.constants.Z_SYNC_FLUSH })

const decoders: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  "": (bytes) => bytes,
  identity: (bytes) => bytes,
  gzip: (bytes) => zlib.gunzipSync(bytes, cutOptions()),
  "x-gzip": (bytes) => zlib.gunzipSync(bytes, cutOptions()),
  deflate: (bytes) => zlib.inflateSync(bytes, cutOptions()),
  br: (bytes) =>
    zlib.brotliDecompressSync(bytes, {
      ...options,
      finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH,
    }),
  zstd: (bytes) =>
    zlib.zstdDecompressSync(bytes, { ...options, finishFlush: zlib.constants.ZSTD_e_flush }),
}

/** Pictures that every browser shows, and that cannot contain a script. */
const pictures = /^image\/(?:png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon)\b/i

/** The bytes without their content coding; `undefined` if that is unknown or does not match. */
const decoded = (bytes: Uint8Array, encoding: string): Uint8Array | undefined => {
  try {
    return decoders[encoding.trim().toLowerCase()]?.(bytes)
  } catch {
    return undefined
  }
}

const decoderOf = (type: string): TextDecoder => {
  const label = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1] ?? "utf-8"
  try {
    return new TextDecoder(label, { fatal: true })
  } catch {
    return new TextDecoder("utf-8", { fatal: true })
  }
}

/** The bytes as text; `undefined` if they are not text. */
const textOf = (bytes: Uint8Array, type: string, isCut: boolean): string | undefined => {
  try {
    const text = decoderOf(type).decode(bytes, { stream: isCut })
    return /[\x00-\x08\x0e-\x1f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** A whole body as text, decoded but with its secrets; `undefined` if it is not text. */
export const textOfBody = (bytes: Uint8Array, headers: HeaderList): string | undefined => {
  const content = decoded(bytes, first(headers, "content-encoding") ?? "")
  return content === undefined
    ? undefined
    : textOf(content, first(headers, "content-type") ?? "", false)
}

/**
 * The body as it is shown.
 *
 * @param bytes what was recorded of it
 * @param length how many bytes were passed on
 */
export const show = (bytes: Uint8Array, length: number, headers: HeaderList): ShownBody => {
  const encoding = first(headers, "content-encoding") ?? ""
  const type = first(headers, "content-type") ?? ""
  const common = { length, recorded: bytes.length, encoding, isPart: false }
  const none = new Uint8Array(0)
  if (length === 0) return { ...common, form: "none", bytes: none }
  const content = decoded(bytes, encoding)
  if (content === undefined || bytes.length === 0) return { ...common, form: "binary", bytes: none }
  const isCut = bytes.length < length
  const parts = FormParts.isForm(type) ? FormParts.read(content, type) : undefined
  if (parts !== undefined)
    return { ...common, form: "parts", bytes: Buffer.from(encodeParts(parts)) }
  if (pictures.test(type) && !isCut) return { ...common, form: "image", bytes: content }
  const isPart = content.length > maxShown
  const text = textOf(content.subarray(0, maxShown), type, isCut || isPart)
  return text === undefined
    ? { ...common, form: "binary", bytes: none }
    : { ...common, form: "text", bytes: Buffer.from(RedactSecrets.body(text, type)), isPart }
}

/** A body of which nothing is kept. */
export const gone = (length: number, headers: HeaderList): ShownBody => ({
  form: length === 0 ? "none" : "binary",
  bytes: new Uint8Array(0),
  length,
  recorded: 0,
  encoding: first(headers, "content-encoding") ?? "",
  isPart: false,
})

/** Whether a body is a picture, by its type. */
export const isPicture = (headers: HeaderList): boolean =>
  pictures.test(first(headers, "content-type") ?? "")

/** Whether nothing of the recorded bytes is masked, so that they may be kept. */
export const isAsSent = ({ bytes, form }: ShownBody, recorded: Uint8Array): boolean =>
  form === "none" || form === "image" || (form === "text" && Buffer.from(recorded).equals(bytes))
