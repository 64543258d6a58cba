/**
 * The names and keys of the servers that do nothing, known to the relay's
 * configuration and to the process that plays them.
 */

/** The name of the server with this number. */
export const idleName = (i: number): string => `idle-${i}`

/** Its key, which guards nothing. */
export const idleKey = (i: number): string => `the key of an idle server of a benchmark ${i}`
