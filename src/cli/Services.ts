/**
 * The services of Node that the command needs. The terminal is made when
 * something is read from it: Node's standard input takes a mebibyte, and most
 * commands never read it.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Terminal from "effect/Terminal"

/** The process's terminal. */
const terminal = Layer.effect(
  Terminal.Terminal,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const opened = yield* Effect.cached(
      Effect.provideService(NodeTerminal.make(), Scope.Scope, scope),
    )
    const late = <A, E, R>(use: (terminal: Terminal.Terminal) => Effect.Effect<A, E, R>) =>
      Effect.flatMap(opened, use)
    return Terminal.make({
      columns: Effect.sync(() => process.stdout.columns ?? 0),
      rows: Effect.sync(() => process.stdout.rows ?? 0),
      size: late(({ size }) => size),
      readInput: late(({ readInput }) => readInput),
      readLine: late(({ readLine }) => readLine),
      display: (text) => late(({ display }) => display(text)),
    })
  }),
)

/** All of them. */
export const layer = Layer.provideMerge(
  NodeChildProcessSpawner.layer,
  Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, terminal),
)
