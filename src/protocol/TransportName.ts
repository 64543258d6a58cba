/**
 * The names of the dialects that a link can speak (protocol.md).
 */

/** See the head of this file. */
export type TransportName = "classic 1" | "classic 2" | "stream"
