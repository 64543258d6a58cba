/**
 * Where visitors find a server, as its relay says in the headers of an answer.
 */
import type { IncomingHttpHeaders } from "node:http"
import { header } from "../../protocol/Wire.ts"

/** What a relay has said; a relay that does not know has said nothing. */
export interface Announced {
  /** Where they reach the relay. */
  readonly publicUrl: string | undefined
  /** Where they reach this server. */
  readonly openUrl: string | undefined
}

/** An address that may be shown as it is: visible ASCII only. */
const address = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" && /^https?:\/\/[\x21-\x7e]{1,2000}$/.test(value) ? value : undefined

/** What the headers of an answer say. */
export const announced = (headers: IncomingHttpHeaders): Announced => ({
  publicUrl: address(headers[header.publicUrl]),
  openUrl: address(headers[header.openUrl]),
})
