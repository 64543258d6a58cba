/**
 * Compares secrets without telling by the time that it takes how much of them is the same.
 */
import { timingSafeEqual } from "node:crypto"

/** Whether both are the same bytes; only their lengths may be learned from the time. */
export const isEqual = (actual: Uint8Array, expected: Uint8Array): boolean =>
  actual.length === expected.length && timingSafeEqual(actual, expected)
