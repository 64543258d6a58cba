/**
 * Where the relay's backend API is, and what a server says of itself when it
 * listens or opens a link there: the part that both transports share.
 */
import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { Header } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Client } from "../../transport/client/NodeClient.ts"
import type { Uplink } from "./Uplink.ts"

/** Who asks which relay: all that further requests of a process need. */
export interface Caller {
  readonly client: Client
  /** Path of the relay's backend API, with its prefix. */
  readonly basePath: string
  readonly apiKey: ApiKey
  /** Identifies this process to the relay. */
  readonly instance: string
}

/** See the file's header. */
export interface BackendIdentity extends Caller {
  readonly name: ServerName
  /** Presented with the key. */
  readonly ticket?: string | undefined
  /** Program and version, shown by the relay. */
  readonly program: string | undefined
  /** How long the relay should wait for a response, in milliseconds. */
  readonly responseMillis?: number | undefined
}

/** The process of an uplink. */
export const callerOf = ({ basePath, client, instance, options }: Uplink): Caller => ({
  client,
  basePath,
  apiKey: options.apiKey,
  instance,
})

/** The identity of an uplink's server; its ticket is left out once it has connected. */
export const of = (uplink: Uplink): BackendIdentity => ({
  ...callerOf(uplink),
  name: uplink.options.name,
  ticket: uplink.ticket,
  program: uplink.options.program,
  responseMillis: uplink.options.responseMillis,
})

/** The fields with which each request to the relay begins. */
export const callerFields = ({ apiKey, client, instance }: Caller): ReadonlyArray<Header> => [
  ["Host", client.host],
  ["X-ApiKey", Redacted.value(apiKey)],
  ["X-PTTH-Instance", instance],
]

/** The fields for what a server may leave out. */
export const optionalFields = ({
  program,
  responseMillis,
  ticket,
}: BackendIdentity): ReadonlyArray<Header> => {
  const fields: Array<Header> = []
  if (ticket !== undefined) fields.push(["X-PTTH-Ticket", ticket])
  if (program !== undefined) fields.push(["User-Agent", program])
  if (responseMillis !== undefined)
    fields.push(["X-PTTH-Response-Timeout", `${Math.ceil(responseMillis)}`])
  return fields
}
