/**
 * A password as it stands in a configuration: salted and hashed with scrypt, in
 * the PHC string format `$scrypt$ln=15,r=8,p=1$SALT$HASH`.
 */
import * as Schema from "effect/Schema"

const pattern =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})$/

/** What `ptth hash-password` prints. */
export const PasswordHash = Schema.String.check(
  Schema.isPattern(pattern, { message: "what `ptth hash-password` prints" }),
).pipe(Schema.brand("PasswordHash"))

/** A hashed password. */
export type PasswordHash = typeof PasswordHash.Type

/** The parts of a hashed password: cost as log2 of N, block size, parallelism. */
export interface PasswordParts {
  readonly ln: number
  readonly r: number
  readonly p: number
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** The costs of new hashes: 32 MiB and about 50 ms. */
export const newCost = { ln: 15, r: 8, p: 1 } as const

const unpadded = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("base64").replace(/=+$/, "")

/** Whether `text` is a hashed password, with costs low enough to check it. */
export const isPasswordHash = (text: string): text is PasswordHash => parse(text) !== undefined

/** The parts of a hashed password. */
export const parse = (text: string): PasswordParts | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, ln, r, p, salt, hash] = match as unknown as Array<string>
  const parts = { ln: Number(ln), r: Number(r), p: Number(p) }
  if (parts.ln < 1 || parts.ln > 20 || parts.r < 1 || parts.r > 32 || parts.p < 1 || parts.p > 16)
    return undefined
  return {
    ...parts,
    salt: Buffer.from(salt ?? "", "base64"),
    hash: Buffer.from(hash ?? "", "base64"),
  }
}

/** The PHC form of a hash with {@link newCost}. */
export const format = (salt: Uint8Array, hash: Uint8Array): PasswordHash =>
  `$scrypt$ln=${newCost.ln},r=${newCost.r},p=${newCost.p}$${unpadded(salt)}$${unpadded(hash)}` as PasswordHash
