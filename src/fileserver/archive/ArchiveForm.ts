/**
 * The form that downloads chosen entries of a folder as one archive, sent by
 * POST, since names of many entries do not fit into an address.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import * as Body from "../../transport/body/Body.ts"
import * as Query from "../http/Query.ts"
import type { ByteName } from "../names/ByteName.ts"

/** The longest form, in bytes. */
const maxBytes = 4 * 1024 * 1024

/** Whether a POST with this query and these fields is such a form. */
export const isSent = (query: Query.Query, headers: Headers.HeaderList): boolean =>
  query.archive !== undefined && Query.isForm(headers)

/**
 * Reads the chosen entries.
 *
 * @param done called with the names, or with `undefined` if the form is too long or broke off
 */
export const read = (
  body: Body.Body,
  done: (entries: ReadonlyArray<ByteName> | undefined) => void,
): Body.BodyFlow =>
  Body.collect(body, maxBytes, {
    whole: (bytes) => done(Query.entriesOf(new URLSearchParams(bytes.toString("utf8")))),
    tooLarge: () => done(undefined),
    cut: () => done(undefined),
  })
