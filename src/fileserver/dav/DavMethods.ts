/**
 * The methods of WebDAV, and the fields by which clients recognise it.
 */
import type * as Headers from "../../domain/HeaderList.ts"

/** Requests that only read. */
export const reading: ReadonlySet<string> = new Set(["PROPFIND"])
/** Requests that change something. */
export const changing: ReadonlySet<string> = new Set([
  "COPY",
  "DELETE",
  "LOCK",
  "MKCOL",
  "MOVE",
  "PROPPATCH",
  "PUT",
  "UNLOCK",
])

/** The names of the methods that are answered. */
export const names = (canChange: boolean): ReadonlyArray<string> => [
  ...reading,
  ...(canChange ? changing : []),
]

/** Windows recognises WebDAV by the second field. */
export const capabilities: Headers.HeaderList = [
  ["DAV", "1, 2"],
  ["MS-Author-Via", "DAV"],
]
