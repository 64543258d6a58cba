/**
 * `ptth/protocol`: the messages, both classic dialects and the exchange, for
 * programs that implement a relay or a server.
 */
export * as ErrorRegistry from "../domain/ErrorRegistry.ts"
export * as HeaderList from "../domain/HeaderList.ts"
export * as RequestId from "../domain/RequestId.ts"
export * as ServerName from "../domain/ServerName.ts"
export * as Tripcode from "../domain/Tripcode.ts"
export * as AddressFields from "./address/AddressFields.ts"
export * as Classic1 from "./Classic1.ts"
export * as Classic2 from "./Classic2.ts"
export * as Exchange from "./Exchange.ts"
export * as Framing from "./http/Framing.ts"
export * as HopByHop from "./http/HopByHop.ts"
export * as Message from "./Message.ts"
export * as Wire from "./Wire.ts"
export * as WireError from "./WireError.ts"
