/**
 * The header fields that belong to one connection, not to the message
 * ("hop-by-hop", RFC 9110 7.6.1). Every rule about such fields is derived from
 * this one list, so that the rules cannot drift apart.
 */

import { FieldNames } from "../../domain/FieldNames.ts"

/**
 * The list: the fields of RFC 9110 7.6.1, `TE` and `Upgrade`, which `Connection`
 * has to nominate (10.1.4, 7.8), `Transfer-Encoding` (RFC 9112 6.1) and the
 * credentials for and challenges of a proxy (RFC 9110 11.7).
 */
const list = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
] as const

/** The name of a connection field. */
type ConnectionField = (typeof list)[number]

/** All connection fields, lower case. */
export const connectionFields: ReadonlySet<string> = new Set(list)

const names = new FieldNames(list)

/** Whether a name, in any case, is that of a connection field. */
export const isConnectionField = (name: string): boolean => names.has(name)

/** Connection fields besides those named here, together with some other fields. All lower case. */
export const allExcept = (
  except: ReadonlyArray<ConnectionField>,
  others: ReadonlyArray<string> = [],
): ReadonlySet<string> => new Set([...list.filter((name) => !except.includes(name)), ...others])

/** Only these connection fields, together with some other fields. All lower case. */
export const only = (
  fields: ReadonlyArray<ConnectionField>,
  others: ReadonlyArray<string>,
): ReadonlySet<string> => new Set([...fields, ...others])
