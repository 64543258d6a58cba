/**
 * What a relay announces to its servers in response fields: the addresses for
 * visitors, and what a server is called on pages.
 */
import type { IncomingHttpHeaders } from "node:http"
import { header } from "../../protocol/Wire.ts"

/** What is announced; a relay without a public URL announces no addresses. */
export interface Announced {
  /** Where visitors reach the relay. */
  readonly publicUrl: string | undefined
  /** Where visitors reach this server. */
  readonly openUrl: string | undefined
  /** What pages call this server, if that is not its name. */
  readonly displayName?: string | undefined
}

/** An address that is safe to print: visible ASCII only. */
const address = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" && /^https?:\/\/[\x21-\x7e]{1,2000}$/.test(value) ? value : undefined

/** The most bytes of a display name, as it is encoded. */
const maxName = 1000

/** A name without characters that control a terminal or turn the direction of a text. */
const nameOf = (value: string | ReadonlyArray<string> | undefined): string | undefined => {
  if (typeof value !== "string" || value.length > maxName) return undefined
  try {
    const name = decodeURIComponent(value)
      .replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, "")
      .trim()
    return name === "" ? undefined : name
  } catch {
    return undefined
  }
}

/** Reads what is announced from the fields of a response. */
export const announced = (headers: IncomingHttpHeaders): Announced => ({
  publicUrl: address(headers[header.publicUrl]),
  openUrl: address(headers[header.openUrl]),
  displayName: nameOf(headers[header.displayName]),
})
