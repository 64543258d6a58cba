/**
 * Starts a worker although the configuration is invalid: with what its
 * supervisor has last loaded, which the other workers have in force.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Certificate from "../../transport/net/Certificate.ts"
import * as RunRelay from "../run/RunRelay.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import type { WorkerChannel } from "./WorkerChannel.ts"
import type * as WorkerMessage from "./WorkerMessage.ts"

/** How long the supervisor may take to answer; an older one does not know the question. */
const answerLimit = "5 seconds"

type LastValid = Extract<WorkerMessage.ToWorker, { readonly kind: "lastValid" }>

/** The supervisor's answer. */
export const answer = ({
  clientSecret,
  clusterKeys,
  parts,
  path,
  text,
  tls,
}: LoadConfig.RelayTexts): LastValid => ({
  kind: "lastValid",
  path,
  text,
  parts,
  tls: tls && { chain: tls.chain, key: Redacted.value(tls.key) },
  clientSecret: clientSecret && Redacted.value(clientSecret),
  clusterKeys: clusterKeys && Arr.map(clusterKeys, Redacted.value),
})

const textsOf = ({
  clientSecret,
  clusterKeys,
  parts,
  path,
  text,
  tls,
}: LastValid): LoadConfig.RelayTexts => ({
  path,
  text,
  parts,
  tls: tls && Certificate.make(tls.chain, tls.key),
  clientSecret:
    clientSecret === undefined
      ? undefined
      : Redacted.make(clientSecret, { label: "client secret" }),
  clusterKeys: clusterKeys && Arr.map(clusterKeys, (key) => Redacted.make(key)),
})

const ask = (channel: WorkerChannel): Effect.Effect<LoadConfig.RelayTexts> =>
  Effect.callback((resume) => {
    channel.listen((message) => {
      if (message.kind === "lastValid") resume(Effect.succeed(textsOf(message)))
    })
    channel.send({ kind: "lastValid" })
  })

/**
 * Loads a worker's configuration. The worker must listen to the channel already:
 * Node hands messages that have waited to the first listener only.
 */
export const loadStart = (
  sources: LoadConfig.Sources,
  channel: WorkerChannel,
  check: RunRelay.ConfigCheck,
) =>
  RunRelay.loadStart(sources, check, (error) =>
    ask(channel).pipe(
      Effect.timeoutOrElse({ duration: answerLimit, orElse: () => Effect.fail(error) }),
      Effect.flatMap((texts) => Effect.fromResult(LoadConfig.decodeRelay(texts, sources))),
      Effect.mapError(() => error),
      Effect.tap(
        Effect.logWarning(
          `the configuration is invalid, the worker starts with the last valid one\n${error.message}`,
        ),
      ),
    ),
  )
