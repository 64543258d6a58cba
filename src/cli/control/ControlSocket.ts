/**
 * The socket by which `ptth relay peers` and `ptth relay roll` reach a relay
 * that runs: a line of JSON with a question, and one with the answer.
 */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { addressIn, listenPrivately } from "../../transport/net/PrivateSocket.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"

/** A worker of this machine, or another relay. */
const Peer = Schema.Struct({
  id: Schema.String,
  /** Absent for a relay of another machine. */
  pid: Schema.optional(Schema.Int),
  /** Its address; absent for a worker. */
  address: Schema.optional(Schema.String),
  /** The version of PTTH; empty until it is known. */
  version: Schema.String,
  state: Schema.String,
  /** Since when it is in this state, or a process of this machine runs, in milliseconds since 1970. */
  since: Schema.optional(Schema.Number),
  /** How many links of servers it has. */
  links: Schema.optional(Schema.Int),
  /** In milliseconds. */
  roundTrip: Schema.optional(Schema.Number),
  /** Why there is no connection to it. */
  problem: Schema.optional(Schema.String),
})

/** A worker of this machine, or another relay. */
export type Peer = (typeof Peer)["Type"]

const Question = Schema.Struct({ ask: Schema.Literals(["about", "peers", "roll"]) })

/** What can be asked. */
export type Question = (typeof Question)["Type"]["ask"]

const Answer = Schema.Union([
  /** The configuration of the relay: an absolute path. */
  Schema.Struct({ config: Schema.String }),
  Schema.Struct({ peers: Schema.Array(Peer) }),
  /** How many workers were replaced. */
  Schema.Struct({ replaced: Schema.Int }),
  /** A failure: how it was, as a sentence that begins with its code. */
  Schema.Struct({ failure: Schema.String }),
])

/** The answer to a question. */
export type Answer = (typeof Answer)["Type"]

/** How long a relay may take to say which it is, in milliseconds. */
const aboutMillis = 1_000

/** The longest question or answer, in characters. */
const longestLine = 1024 * 1024

/** Calls `take` with the first line that a socket sends; without one it is `undefined`. */
const readLine = (socket: net.Socket, take: (line: string | undefined) => void): void => {
  let text = ""
  const done = (line: string | undefined): void => {
    socket.removeAllListeners("data")
    socket.off("close", onClose)
    take(line)
  }
  const onClose = (): void => done(undefined)
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
    const end = text.indexOf("\n")
    if (end >= 0) done(text.slice(0, end))
    else if (text.length > longestLine) socket.destroy()
  })
  socket.on("close", onClose)
}

/** Answers questions on a socket in the folder for as long as the Scope is open. */
export const serve = Effect.fn("ControlSocket.serve")(function* (
  folder: string,
  answer: (question: Question) => Effect.Effect<Answer>,
): Effect.fn.Return<void, RuntimeFolder.RuntimeFolderError, Scope.Scope> {
  const path = addressIn(folder, RuntimeFolder.controlName)
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    readLine(socket, (line) => {
      const question = Schema.decodeUnknownOption(Schema.fromJsonString(Question))(line)
      if (Option.isNone(question)) {
        socket.destroy()
        return
      }
      Effect.runCallback(answer(question.value.ask), {
        onExit: (exit) => {
          if (exit._tag === "Success") socket.end(`${JSON.stringify(exit.value)}\n`)
          else socket.destroy()
        },
      })
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void, RuntimeFolder.RuntimeFolderError>((resume) => {
      server.once("error", (error) =>
        resume(
          Effect.fail(
            new RuntimeFolder.RuntimeFolderError({ detail: `${path}: ${error.message}` }),
          ),
        ),
      )
      listenPrivately(server, path, () => resume(Effect.void))
    }),
    () => Effect.sync(() => server.close()),
  )
})

/** Asks the relay that listens on a socket; `undefined` if none does, or it does not understand. */
export const ask = (path: string, question: Question): Effect.Effect<Answer | undefined> =>
  Effect.callback((resume) => {
    const socket = net.connect(path)
    socket.on("error", () => resume(Effect.succeed(undefined)))
    readLine(socket, (line) => {
      socket.destroy()
      const answer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))(line)
      resume(Effect.succeed(Option.getOrUndefined(answer)))
    })
    socket.write(`${JSON.stringify({ ask: question })}\n`)
    return Effect.sync(() => socket.destroy())
  })

/** The configuration of the relay that listens on a socket; `undefined` if none does, or it does not answer in time. */
export const configOf = (path: string): Effect.Effect<string | undefined> =>
  ask(path, "about").pipe(
    Effect.timeoutOption(aboutMillis),
    Effect.map((result) => {
      const answer = Option.getOrUndefined(result)
      return answer !== undefined && "config" in answer ? answer.config : undefined
    }),
  )
