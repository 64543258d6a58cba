/**
 * Generates API keys from the system's secure random numbers.
 */
import { randomInt } from "node:crypto"
import * as ApiKey from "../../domain/ApiKey.ts"

/** A new key: seven random words. */
export const newKey = (): ApiKey.ApiKey => ApiKey.generate((below) => randomInt(below))
