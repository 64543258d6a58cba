/**
 * The names of the protocol's dialects (protocol.md).
 */

/** The dialect of a link. */
export type TransportName = "classic 1" | "classic 2" | "stream"
