/**
 * What the transports cannot carry. A request of that kind goes to another link
 * of its server, if one can carry it.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as PassedConnection from "../../protocol/PassedConnection.ts"
import type { TransportName } from "../../protocol/TransportName.ts"

/** What a refusal says of a link. */
interface RefusingLink {
  readonly name: ServerName
  readonly transport: TransportName
}

/** Makes the error of a request that no link can carry: one that can is found without it, for each request that waits. */
export type Refusal = (link: RefusingLink) => ExchangeError

/** Why a transport cannot carry a request; `undefined` if it can. */
export const transportRefusal = (
  transport: TransportName,
  head: RequestHead,
): Refusal | undefined => {
  if (transport === "stream") return undefined
  if (PassedConnection.isPassed(head)) return needsStream
  if (transport === "classic 1" && !Classic1.carriesMethod(head.method)) return methodNotCarried
  return asksForWebSocket(head.headers) ? noWebSockets : undefined
}

/** Of an upgrade to another protocol the field is left out; without WebSockets an application is of no use to who asks for one. */
const asksForWebSocket = (headers: HeaderList): boolean =>
  upgradeOf(headers)?.toLowerCase() === "websocket"

const needsStream: Refusal = ({ name }) =>
  new ExchangeError({
    code: "PTTH_NO_PASSTHROUGH",
    detail: `${name} is connected by classic, which carries no connections`,
  })

const methodNotCarried: Refusal = ({ name }) =>
  new ExchangeError({
    code: "PTTH_METHOD_NOT_ALLOWED",
    detail: `the server ${name} speaks classic 1, which has only GET and HEAD`,
    headers: [["Allow", "GET, HEAD"]],
  })

const noWebSockets: Refusal = ({ name, transport }) =>
  new ExchangeError({
    code: "PTTH_NO_UPGRADE",
    detail: `the server ${name} is connected by ${transport}`,
  })
