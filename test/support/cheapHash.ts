/**
 * Hashed passwords for tests that ask for many: one with the costs of
 * `ptth hash-password` takes 50 ms and more each time it is checked.
 */
import { randomBytes, scryptSync } from "node:crypto"
import type { PasswordHash } from "../../src/domain/PasswordHash.ts"

const unpadded = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("base64").replace(/=+$/, "")

/** A password in the form that configurations have, with the lowest costs. */
export const cheapHash = (password: string): PasswordHash => {
  const salt = randomBytes(16)
  const hash = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 })
  return `$scrypt$ln=1,r=1,p=1$${unpadded(salt)}$${unpadded(hash)}` as PasswordHash
}
