/**
 * Which methods may be sent again without asking the visitor: the safe and the
 * idempotent ones (RFC 9110 9.2) of the HTTP Method Registry of IANA. Not PRI,
 * which is reserved, and not LOCK, PATCH and POST, which are neither.
 */
const repeatable: ReadonlySet<string> = new Set([
  "ACL",
  "BASELINE-CONTROL",
  "BIND",
  "CHECKIN",
  "CHECKOUT",
  "COPY",
  "DELETE",
  "GET",
  "HEAD",
  "LABEL",
  "LINK",
  "MERGE",
  "MKACTIVITY",
  "MKCALENDAR",
  "MKCOL",
  "MKREDIRECTREF",
  "MKWORKSPACE",
  "MOVE",
  "OPTIONS",
  "ORDERPATCH",
  "PROPFIND",
  "PROPPATCH",
  "PUT",
  "QUERY",
  "REBIND",
  "REPORT",
  "SEARCH",
  "TRACE",
  "UNBIND",
  "UNCHECKOUT",
  "UNLINK",
  "UNLOCK",
  "UPDATE",
  "UPDATEREDIRECTREF",
  "VERSION-CONTROL",
])

/** Whether a request with this method may be sent twice (RFC 9110 9.2.2). */
export const isRepeatable = (method: string): boolean => repeatable.has(method)
