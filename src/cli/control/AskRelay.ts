/**
 * `ptth relay peers` and `ptth relay roll`: find the relay that runs with a
 * configuration, ask it, and print what it answers.
 */
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { codes, type ErrorCode, entry } from "../../domain/ErrorRegistry.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as ControlSocket from "./ControlSocket.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"

/** The values of the flags. */
export interface AskFlags {
  readonly configPath: Option.Option<string>
}

/** No relay runs that can be asked. */
export class NoRunningRelayError extends Data.TaggedError("NoRunningRelayError")<{
  readonly place: string
}> {
  readonly code = "PTTH_NO_RUNNING_RELAY"
  override get message(): string {
    return `${this.code}: there is none with the configuration ${this.place}. ${entry(this.code).remedy}`
  }
}

/** The relay answered that it could not do what was asked. */
export class RelayAnswerError extends Data.TaggedError("RelayAnswerError")<{
  readonly message: string
}> {
  /** The one of the message, if this version has it. */
  get code(): ErrorCode {
    return codes.find((code) => this.message.startsWith(`${code}: `)) ?? "PTTH_INTERNAL"
  }
}

/** Asks the relay that runs with the configuration. */
const askRunning = Effect.fnUntraced(function* (
  { configPath }: AskFlags,
  question: ControlSocket.Question,
) {
  const place = RuntimeFolder.configPlace(yield* LoadConfig.relayPath(configPath))
  for (const socket of RuntimeFolder.controlSockets(RuntimeFolder.ofProcess())) {
    if ((yield* ControlSocket.configOf(socket)) !== place) continue
    const answer = yield* ControlSocket.ask(socket, question)
    if (answer === undefined) continue
    if ("failure" in answer) return yield* new RelayAnswerError({ message: answer.failure })
    return answer
  }
  return yield* new NoRunningRelayError({ place })
})

/** The columns of `ptth relay peers`. */
const columns: ReadonlyArray<readonly [string, (peer: ControlSocket.Peer) => string]> = [
  ["ID", ({ id }) => id],
  ["STATE", ({ state }) => state],
  [
    "SINCE",
    ({ since }) =>
      since === undefined ? "-" : new Date(since).toISOString().slice(0, 19).concat("Z"),
  ],
  ["VERSION", ({ version }) => version || "-"],
  ["LINKS", ({ links }) => `${links ?? "-"}`],
  ["ROUND TRIP", ({ roundTrip }) => (roundTrip === undefined ? "-" : `${roundTrip.toFixed(1)} ms`)],
  ["ADDRESS", ({ address, pid }) => address ?? `process ${pid}`],
]

/** The last column, where there is something to say in it. */
const problemColumn: (typeof columns)[number] = ["PROBLEM", ({ problem }) => problem ?? ""]

/** The table that `ptth relay peers` prints. */
export const peersTable = (peers: ReadonlyArray<ControlSocket.Peer>): string => {
  const hasProblem = peers.some(({ problem }) => problem !== undefined)
  const all = hasProblem ? [...columns, problemColumn] : columns
  const rows = [
    all.map(([heading]) => heading),
    ...peers.map((peer) => all.map(([, cell]) => cell(peer))),
  ]
  const widths = all.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

/** Prints the workers and other relays of a relay that runs. */
export const runPeers = Effect.fn("ptth relay peers")(function* (flags: AskFlags) {
  const answer = yield* askRunning(flags, "peers")
  if ("peers" in answer) yield* Console.log(peersTable(answer.peers))
})

/** Replaces the workers of a relay that runs, one by one. */
export const runRoll = Effect.fn("ptth relay roll")(function* (flags: AskFlags) {
  const answer = yield* askRunning(flags, "roll")
  if ("replaced" in answer) yield* Console.log(`replaced ${answer.replaced} workers`)
})
