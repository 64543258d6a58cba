/**
 * The fields with which a server of the classic transport begins each request to
 * its relay: who asks, and in which dialect.
 */
import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { Header } from "../../domain/HeaderList.ts"
import { version2 } from "../../protocol/Wire.ts"
import type { Client } from "../../transport/client/NodeClient.ts"

/** Who asks whom. */
export interface ClassicPeer {
  readonly client: Client
  readonly apiKey: ApiKey
  /** Identifies this process, as in its listens. */
  readonly instance: string
}

const classic2: Header = ["X-PTTH-Version", version2]

/** Of a request without a message of its own. */
export const identityOf = ({ apiKey, client, instance }: ClassicPeer): Array<Header> => [
  ["Host", client.host],
  ["X-ApiKey", Redacted.value(apiKey)],
  ["X-PTTH-Instance", instance],
]

/** Of a request with a message, or that asks for one; in classic 2 unless another dialect's field is given. */
export const fieldsOf = (peer: ClassicPeer, dialect: Header = classic2): Array<Header> => [
  ...identityOf(peer),
  dialect,
]
