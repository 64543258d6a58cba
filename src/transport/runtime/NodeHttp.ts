/**
 * Node's modules for HTTP/1. An `import` of `node:http` reads all that it
 * exports, also `WebSocket`, which loads Node's client for `fetch` with HTTP/2:
 * 13 MiB that nothing here needs.
 */
import type * as Http from "node:http"
import type * as Https from "node:https"

export const http: typeof Http = process.getBuiltinModule("node:http")

/** Loaded when it is called, because TLS takes 5 MiB. */
export const https = (): typeof Https => process.getBuiltinModule("node:https")

/** The reason phrases of statuses. */
export const { STATUS_CODES } = http
