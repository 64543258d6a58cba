/**
 * Where the relay's backend API is, and what a server says of itself when it
 * listens or opens a link there: the part that both transports share.
 */
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { Header } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Client } from "../../transport/client/NodeClient.ts"
import type { Uplink } from "./Uplink.ts"

/** See the file's header. */
export interface BackendIdentity {
  readonly client: Client
  /** Path of the relay's backend API, with its prefix. */
  readonly basePath: string
  readonly name: ServerName
  readonly apiKey: ApiKey
  /** Presented with the key. */
  readonly ticket?: string | undefined
  /** Identifies this process to the relay. */
  readonly instance: string
  /** Program and version, shown by the relay. */
  readonly program: string | undefined
  /** How long the relay should wait for a response, in milliseconds. */
  readonly responseMillis?: number | undefined
}

/** The identity of an uplink's server; its ticket is left out once it has connected. */
export const of = ({ basePath, client, instance, options, ticket }: Uplink): BackendIdentity => ({
  client,
  basePath,
  name: options.name,
  apiKey: options.apiKey,
  ticket,
  instance,
  program: options.program,
  responseMillis: options.responseMillis,
})

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
