/**
 * Detects requests that come back to the server that has forwarded them, because
 * `--to` leads to its own relay. Each server adds a name of its own to the field
 * CDN-Loop (RFC 8586). Not to Via, because some applications do not compress
 * responses to a request with it.
 */
import { randomBytes } from "node:crypto"
import { all, type Header, type HeaderList } from "../../domain/HeaderList.ts"

const name = "CDN-Loop"
const prefix = "ptth-"

/** How many servers may forward a request one after the other, in case they take turns on a loop. */
const maxServers = 16

/** Finds the requests that one server has forwarded. */
export class ForwardingLoop {
  /** The field that a forwarded request gets, in addition to those that it has. */
  readonly field: Header
  private readonly id = prefix + randomBytes(9).toString("hex")

  constructor() {
    this.field = [name, this.id]
  }

  /** Whether a request has been here before, or has been forwarded too often. */
  has(headers: HeaderList): boolean {
    const values = all(headers, "cdn-loop")
    if (values.length === 0) return false
    const ids = values
      .flatMap((value) => value.split(","))
      .map((info) => info.replace(/;.*/s, "").trim())
    return ids.includes(this.id) || ids.filter((id) => id.startsWith(prefix)).length >= maxServers
  }
}
