/**
 * The header fields of the tus resumable upload protocol 1.0.0
 * (https://tus.io/protocols/resumable-upload). It does no IO.
 */
import * as Headers from "../../domain/HeaderList.ts"
import { type ByteName, toUrl } from "../names/ByteName.ts"

/** The version that is spoken. */
export const version = "1.0.0"
/** Tus-Resumable, which every response has. */
export const resumable: Headers.Header = ["Tus-Resumable", version]
const extensions = "creation,creation-with-upload,termination,checksum,expiration"
/** Content-Type of a request that carries a part of a file. */
export const contentType = "application/offset+octet-stream"
/** The query parameter that names an upload in the address of its folder. */
export const parameter = "tus"

const id = /^[0-9a-f]{24}$/
/** The longest Upload-Metadata, in bytes. */
const maxMetadata = 4_096
/** The most folders of `relativePath`. */
const maxFolders = 64

/** The algorithms of Upload-Checksum. */
export type Algorithm = "sha1" | "sha256"
const algorithms: ReadonlyArray<Algorithm> = ["sha1", "sha256"]

/** What a server can do, as the response to OPTIONS tells. */
export const capabilities = (maxBytes: number | undefined): Headers.HeaderList => [
  resumable,
  ["Tus-Version", version],
  ["Tus-Extension", extensions],
  ["Tus-Checksum-Algorithm", algorithms.join(",")],
  ...(maxBytes === undefined ? [] : ([["Tus-Max-Size", String(maxBytes)]] as const)),
]

/** The method that a client means; some can only send POST. */
export const methodOf = (method: string, headers: Headers.HeaderList): string => {
  const override = Headers.first(headers, "x-http-method-override")
  return method === "POST" && override !== undefined ? override.trim().toUpperCase() : method
}

/** The upload that a query names. */
export const uploadIn = (query: string | undefined): string | undefined => {
  const value = new URLSearchParams(query ?? "").get(parameter)
  return value !== null && id.test(value) ? value : undefined
}

/**
 * The address of an upload, relative to the address that created it.
 *
 * @param last the last segment of that address, unless it ends with a slash
 * @param folders between that folder and the one of the file
 */
export const location = (
  last: ByteName | undefined,
  folders: ReadonlyArray<ByteName>,
  upload: string,
): string => {
  const start = last === undefined ? "./" : `${toUrl(last)}/`
  return `${start}${folders.map((folder) => `${toUrl(folder)}/`).join("")}?${parameter}=${upload}`
}

/** A length or offset in bytes; `undefined` if it is not one. */
export const parseBytes = (value: string | undefined): number | undefined => {
  if (value === undefined || !/^\d{1,16}$/.test(value)) return undefined
  const bytes = Number(value)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

const decodeBase64 = (text: string): Buffer | undefined =>
  base64.test(text) ? Buffer.from(text, "base64") : undefined

/** Parses Upload-Metadata to byte strings by their keys; `undefined` if it is malformed or too long. */
export const parseMetadata = (value: string): ReadonlyMap<string, ByteName> | undefined => {
  if (value.length > maxMetadata) return undefined
  const values = new Map<string, ByteName>()
  for (const pair of value.split(",")) {
    if (pair.trim() === "") continue
    const [key = "", encoded = "", ...rest] = pair.trim().split(" ")
    const decoded = decodeBase64(encoded)
    if (rest.length > 0 || decoded === undefined || values.has(key)) return undefined
    if (!/^[\x21-\x7e]+$/.test(key)) return undefined
    values.set(key, decoded.toString("latin1"))
  }
  return values
}

/** Where the metadata says that a file goes. */
export interface NamedFile {
  readonly name: ByteName
  /** Folders below the folder of the request. */
  readonly folders: ReadonlyArray<ByteName>
}

/** The file in the metadata: `filename`, or `name`, and the folders of `relativePath`, as Uppy sends it. */
export const fileIn = (metadata: ReadonlyMap<string, ByteName>): NamedFile | undefined => {
  const name = metadata.get("filename") ?? metadata.get("name")
  if (name === undefined) return undefined
  // Uppy sends the word `null` for a file that is in no folder.
  const path = metadata.get("relativePath") ?? "null"
  const folders = path === "null" ? [] : path.split("/").slice(0, -1).filter(Boolean)
  return folders.length > maxFolders ? undefined : { name, folders }
}

/** A checksum that the bytes of a request must have. */
export interface Checksum {
  readonly algorithm: Algorithm
  readonly digest: Buffer
}

/** Parses Upload-Checksum; `undefined` if it is malformed or the algorithm is not supported. */
export const parseChecksum = (value: string): Checksum | undefined => {
  const [name = "", encoded = "", ...rest] = value.trim().split(" ")
  const algorithm = algorithms.find((one) => one === name.toLowerCase())
  const digest = decodeBase64(encoded)
  if (algorithm === undefined || digest === undefined || rest.length > 0) return undefined
  return { algorithm, digest }
}
