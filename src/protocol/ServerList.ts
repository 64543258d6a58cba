/**
 * The list of servers that the scraper API gives (protocol.md, Scraper API of
 * the original).
 */
import * as Schema from "effect/Schema"
import { ServerName } from "../domain/ServerName.ts"

/** The list of servers, as JSON. */
export const ServerList = Schema.fromJsonString(
  Schema.Struct({
    servers: Schema.Array(
      Schema.Struct({
        name: ServerName,
        display_name: Schema.String,
        /** When the server was last connected; null if that is unknown. */
        last_seen: Schema.NullOr(Schema.DateFromString),
      }),
    ),
  }),
)
/** See the schema. */
export type ServerList = typeof ServerList.Type

/** Writes the list. */
export const encode = Schema.encodeSync(ServerList)
