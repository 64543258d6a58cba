/**
 * The names and keys of the servers that do nothing, known to the relay's
 * configuration and to the process that plays them.
 */

import { make, tripcode } from "../src/domain/ApiKey.ts"

/** The name of the server with this number. */
export const idleName = (i: number): string => `idle-${i}`

/** Its key, which guards nothing. */
export const idleKey = (i: number): string => `the key of an idle server of a benchmark ${i}`

/** The entries of so many of them in the relay's configuration. */
export const registered = (count: number): string =>
  Array.from(
    { length: count },
    (_, i) => `[[servers]]\nname = "${idleName(i)}"\ntripcode = "${tripcode(make(idleKey(i)))}"\n`,
  ).join("")
