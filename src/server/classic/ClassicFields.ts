/**
 * The fields with which a server of the classic transport begins each request to
 * its relay: who asks, and in which dialect.
 */
import type { Header } from "../../domain/HeaderList.ts"
import { version2 } from "../../protocol/Wire.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"

const classic2: Header = ["X-PTTH-Version", version2]

/** Of a request with a message, or that asks for one; in classic 2 unless another dialect's field is given. */
export const fieldsOf = (
  caller: BackendIdentity.Caller,
  dialect: Header = classic2,
): Array<Header> => [...BackendIdentity.callerFields(caller), dialect]
