/**
 * The token in the address of a share link: what it opens and until when,
 * signed (HMAC-SHA-256), so that the server need not remember it. With another
 * secret no token is valid any more.
 */
import { createHmac } from "node:crypto"
import * as ConstantTime from "../../transport/auth/ConstantTime.ts"
import { type ByteName, toUrl } from "../names/ByteName.ts"

/** What a link opens. */
export interface Share {
  /** The file or folder, below the shared folder. */
  readonly path: ReadonlyArray<ByteName>
  readonly isFolder: boolean
  /** When it ends, in seconds since 1970. */
  readonly expires: number
  /** How many downloads there may be; `undefined` for any number. */
  readonly downloads: number | undefined
  /** The scrypt hash of the password that is asked for. */
  readonly password: string | undefined
  /** Distinguishes links to the same file. */
  readonly id: string
}

/** The longest token, in characters. */
const maxLength = 8_192

const signatureOf = (secret: Uint8Array, payload: string): Buffer =>
  createHmac("sha256", secret).update(`ptth share ${payload}`).digest()

/** The token of a share. */
export const sign = (secret: Uint8Array, share: Share): string => {
  const { downloads, expires, id, isFolder, password, path } = share
  const payload = Buffer.from(
    JSON.stringify({
      p: path.map(toUrl),
      f: isFolder,
      e: expires,
      n: downloads,
      w: password,
      i: id,
    }),
  ).toString("base64url")
  return `${payload}.${signatureOf(secret, payload).toString("base64url")}`
}

const decodeName = (url: string): ByteName =>
  url.replaceAll(/%([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )

/** The share of a token; `undefined` if it was not signed with this secret. It may have ended. */
export const verify = (secret: Uint8Array, token: string): Share | undefined => {
  if (token.length > maxLength) return undefined
  const [payload = "", signature = "", more] = token.split(".")
  const actual = Buffer.from(signature, "base64url")
  const expected = signatureOf(secret, payload)
  if (more !== undefined || !ConstantTime.isEqual(actual, expected)) return undefined
  // Signed by this server, so that it has the form that `sign` gives it.
  const { e, f, i, n, p, w } = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
    readonly p: ReadonlyArray<string>
    readonly f: boolean
    readonly e: number
    readonly n?: number
    readonly w?: string
    readonly i: string
  }
  return { path: p.map(decodeName), isFolder: f, expires: e, downloads: n, password: w, id: i }
}
