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

/** Why a transport cannot carry a request to a server; `undefined` if it can. */
export const transportRefusal = (
  transport: TransportName,
  name: ServerName,
  head: RequestHead,
): ExchangeError | undefined => {
  if (transport === "stream") return undefined
  if (PassedConnection.isPassed(head)) return needsStream(name)
  if (transport === "classic 1" && !Classic1.carriesMethod(head.method))
    return methodNotCarried(name)
  return asksForWebSocket(head.headers) ? noWebSockets(name, transport) : undefined
}

/** Of an upgrade to another protocol the field is left out; without WebSockets an application is of no use to who asks for one. */
const asksForWebSocket = (headers: HeaderList): boolean =>
  upgradeOf(headers)?.toLowerCase() === "websocket"

const needsStream = (name: ServerName): ExchangeError =>
  new ExchangeError({
    code: "PTTH_NO_PASSTHROUGH",
    detail: `${name} is connected by classic, which carries no connections`,
  })

const methodNotCarried = (name: ServerName): ExchangeError =>
  new ExchangeError({
    code: "PTTH_METHOD_NOT_ALLOWED",
    detail: `the server ${name} speaks classic 1, which has only GET and HEAD`,
    headers: [["Allow", "GET, HEAD"]],
  })

const noWebSockets = (name: ServerName, transport: TransportName): ExchangeError =>
  new ExchangeError({
    code: "PTTH_NO_UPGRADE",
    detail: `the server ${name} is connected by ${transport}`,
  })
