/**
 * Methods whose requests change nothing (RFC 9110 9.2.1): they may be sent to a
 * server again, and it does no harm to begin one that nobody waits for any more.
 */

const safe = new Set(["GET", "HEAD", "OPTIONS"])

/** Whether a method is one of these. */
export const isSafe = (method: string): boolean => safe.has(method)
