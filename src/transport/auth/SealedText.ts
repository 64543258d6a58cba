/**
 * Texts that only holders of a secret can make and read: AES-256-GCM with a key
 * that is derived from the secret.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"

const algorithm = "aes-256-gcm"
/** The bytes of the nonce (NIST SP 800-38D 8.2.2: random, so for at most 2^32 texts with one key). */
const nonceBytes = 12
const tagBytes = 16

/** The key for one purpose (HKDF-SHA256 without salt, RFC 5869). */
export const keyOf = (secret: string, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, "", purpose, 32))

/**
 * Encrypts a text: nonce, encrypted text and tag.
 *
 * @param context without which it cannot be opened; not secret
 */
export const seal = (key: Uint8Array, context: string, text: string): Buffer => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce)
  cipher.setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()])
}

/** The text; `undefined` if it was sealed with another key or for another context, or changed since. */
export const open = (key: Uint8Array, context: string, bytes: Buffer): string | undefined => {
  if (bytes.length < nonceBytes + tagBytes) return undefined
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    const parts = [decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]
    return Buffer.concat(parts).toString("utf8")
  } catch {
    return undefined
  }
}
