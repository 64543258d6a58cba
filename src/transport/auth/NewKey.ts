/**
 * Generates API keys from the system's secure random numbers.
 */
import { randomBytes, randomInt } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as ApiKey from "../../domain/ApiKey.ts"

/** A new key for the machines of a cluster: 43 characters with 256 random bits. */
export const newClusterKey = (): Redacted.Redacted<string> =>
  Redacted.make(randomBytes(32).toString("base64url"))

/** A new key: seven random words. */
export const newKey = (): ApiKey.ApiKey => ApiKey.generate((below) => randomInt(below))
