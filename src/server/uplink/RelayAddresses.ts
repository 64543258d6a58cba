/**
 * The addresses that a relay announces to its servers in response fields.
 */
import type { IncomingHttpHeaders } from "node:http"
import { header } from "../../protocol/Wire.ts"

/** The announced addresses; a relay without a public URL announces none. */
export interface Announced {
  /** Where visitors reach the relay. */
  readonly publicUrl: string | undefined
  /** Where visitors reach this server. */
  readonly openUrl: string | undefined
}

/** An address that is safe to print: visible ASCII only. */
const address = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" && /^https?:\/\/[\x21-\x7e]{1,2000}$/.test(value) ? value : undefined

/** Reads the addresses from the fields of a response. */
export const announced = (headers: IncomingHttpHeaders): Announced => ({
  publicUrl: address(headers[header.publicUrl]),
  openUrl: address(headers[header.openUrl]),
})
