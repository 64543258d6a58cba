/**
 * A certificate, and a failure to obtain one, as they are kept in an
 * `AcmeStore`.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { entry } from "../../domain/ErrorRegistry.ts"
import * as Certificate from "../net/Certificate.ts"
import { type AcmeError, type AcmeErrorCode, acmeErrorCodes } from "./AcmeError.ts"
import type { AcmeStore } from "./AcmeStore.ts"

/** Why there is no new certificate; times in milliseconds since 1970. */
export interface IssueFailure {
  readonly code: AcmeErrorCode
  readonly detail: string
  readonly at: number
  /** How many attempts have failed one after the other. */
  readonly attempts: number
  readonly retryAt: number
}

/** A failure as a line of a log: the certificate that it is about, why, what to do, and when it is tried again. */
export const describe = ({ code, detail, retryAt }: IssueFailure, hosts: string): string =>
  `${code}: certificate for ${hosts}: ${detail}. ${entry(code).remedy} Next try: ${Certificate.timeOf(retryAt)}`

const Failure = Schema.fromJsonString(
  Schema.Struct({
    code: Schema.Literals(acmeErrorCodes),
    detail: Schema.String,
    at: Schema.Finite,
    attempts: Schema.Int,
    retryAt: Schema.Finite,
  }),
)

/** The name of a certificate in the store. */
export const certificateName = (id: string): string => `${id}.pem`
/** The name of a failure in the store. */
export const failureName = (id: string): string => `${id}.failed.json`
/** Whether this is the name of a failure. */
export const isFailure = (name: string): boolean => name.endsWith(".failed.json")

/** A certificate as it is kept: its key, then its chain. */
export const toText = ({ chain, key }: Certificate.Certificate): string =>
  `${Redacted.value(key).trimEnd()}\n${chain}`

const keyBlock = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----\n?/

/** The certificate of a text; `undefined` if it has none that can be used. */
export const fromText = (text: string | undefined): Certificate.Certificate | undefined => {
  const key = text === undefined ? null : keyBlock.exec(text)
  if (text === undefined || key === null) return undefined
  const certificate = Certificate.make(text.replace(key[0], ""), key[0])
  return Certificate.faultOf(certificate) === undefined ? certificate : undefined
}

/** The failure of a text; `undefined` if it has none. */
export const failureOf = (text: string | undefined): IssueFailure | undefined =>
  text === undefined ? undefined : Option.getOrUndefined(Schema.decodeUnknownOption(Failure)(text))

/** What is kept under one id; `until` is in milliseconds since 1970. */
export interface KeptStatus {
  readonly id: string
  readonly until: number | undefined
  readonly failure: IssueFailure | undefined
}

/** All that is kept in a store, in the order of the ids. */
export const read = Effect.fn("KeptCertificate.read")(function* (
  store: AcmeStore,
): Effect.fn.Return<ReadonlyArray<KeptStatus>, AcmeError> {
  const names = yield* store.list
  const ids = names.flatMap((name) => /^(.+)\.(?:pem|failed\.json)$/.exec(name)?.[1] ?? [])
  return yield* Effect.forEach([...new Set(ids)].sort(), (id) =>
    Effect.gen(function* () {
      const certificate = fromText(yield* store.read(certificateName(id)))
      return {
        id,
        until: certificate === undefined ? undefined : Certificate.validityOf(certificate).until,
        failure: failureOf(yield* store.read(failureName(id))),
      }
    }),
  )
})
