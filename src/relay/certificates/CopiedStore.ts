/**
 * The certificates and the account that the relays of a cluster share, with a copy
 * in a folder of this machine. So a relay that starts while the engine is away has
 * its certificates, and an engine that comes back empty gets them again.
 */
import * as Effect from "effect/Effect"
import type { AcmeError } from "../../transport/acme/AcmeError.ts"
import type { AcmeStore } from "../../transport/acme/AcmeStore.ts"
import * as KeptCertificate from "../../transport/acme/KeptCertificate.ts"
import * as Certificate from "../../transport/net/Certificate.ts"

/** From when a kept certificate is valid, in milliseconds since 1970; 0 for other texts. */
const startOf = (text: string | undefined): number => {
  const certificate = KeptCertificate.fromText(text)
  return certificate === undefined ? 0 : Certificate.validityOf(certificate).from
}

/** The text that counts of the shared one and its copy: the newer certificate, or else the shared one. */
const current = (shared: string | undefined, copy: string | undefined): string | undefined => {
  if (shared === undefined || shared === copy) return copy
  return startOf(copy) > startOf(shared) ? copy : shared
}

/** Makes a store of both. The copy is a help only: that it cannot be written is no failure. */
export const make = (shared: AcmeStore, folder: AcmeStore): AcmeStore => {
  const read = Effect.fnUntraced(function* (
    name: string,
  ): Effect.fn.Return<string | undefined, AcmeError> {
    // Failures are of use only while relays take turns.
    if (KeptCertificate.isFailure(name))
      return yield* Effect.orElseSucceed(shared.read(name), () => undefined)
    const copy = yield* Effect.orElseSucceed(folder.read(name), () => undefined)
    const text = yield* shared
      .read(name)
      .pipe(
        Effect.catch((error) => (copy === undefined ? Effect.fail(error) : Effect.succeed(copy))),
      )
    const result = current(text, copy)
    if (result === undefined) return undefined
    if (result !== text) yield* Effect.ignore(shared.write(name, result))
    if (result !== copy) yield* Effect.ignore(folder.write(name, result))
    return result
  })
  return {
    read,
    write: (name, text) => {
      if (KeptCertificate.isFailure(name)) return shared.write(name, text)
      const share = shared.write(name, text)
      return Effect.matchEffect(folder.write(name, text), {
        // Whoever reads it later puts it into the engine.
        onSuccess: () => Effect.ignore(share),
        onFailure: ({ message }) =>
          Effect.andThen(Effect.logDebug(`certificates: no copy: ${message}`), share),
      })
    },
    remove: (name) => Effect.andThen(shared.remove(name), Effect.ignore(folder.remove(name))),
    list: Effect.gen(function* () {
      const copies = yield* Effect.orElseSucceed(folder.list, () => [])
      const names = yield* Effect.orElseSucceed(shared.list, () => [])
      return [...new Set([...names, ...copies])]
    }),
    check: shared.check,
  }
}
