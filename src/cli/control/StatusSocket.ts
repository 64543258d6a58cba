/**
 * The sockets on which running processes tell `ptth status` how they are: one
 * for each, in a folder of this user alone, or a named pipe on Windows. Whoever
 * connects gets a line of JSON.
 */
import { rmSync } from "node:fs"
import * as net from "node:net"
import * as NodePath from "node:path"
import { text } from "node:stream/consumers"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { addressesIn, addressIn, listenPrivately } from "../../transport/net/PrivateSocket.ts"
import { stateFolder } from "../shared/UserPaths.ts"
import { version } from "../shared/Version.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"
import { Status } from "./StatusReport.ts"

/** How long a process may take to answer, in milliseconds: on a busy machine a second is not enough. */
const answerMillis = 5_000

const ending = ".status"

/** The folder of this user's sockets. */
const folderOf = ({ env }: RuntimeFolder.FolderOwner): string =>
  env.XDG_RUNTIME_DIR !== undefined && NodePath.isAbsolute(env.XDG_RUNTIME_DIR)
    ? NodePath.join(env.XDG_RUNTIME_DIR, "ptth")
    : NodePath.join(stateFolder(env), "run")

/** Where this process has its socket: systemd gives a unit of the system a folder of its own. */
const ownFolder = (owner: RuntimeFolder.FolderOwner): string =>
  RuntimeFolder.given(owner) ?? folderOf(owner)

/** The permission to write, which others may not have in the folder. */
const writable = 0o022

/**
 * The arguments without a ticket. It is a secret, which every user of the machine
 * could read from a pipe of Windows; and it is good once, so that nobody who
 * starts the same again needs it.
 */
const withoutTicket = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.filter((arg, index) => !/^--ticket(?:=|$)/.test(arg) && args[index - 1] !== "--ticket")

/** What a process tells besides what all processes tell. */
export type Told = Omit<Status, "pid" | "version" | "since" | "args" | "folder">

/**
 * Answers `ptth status` while the Scope is open. A folder that cannot be used is
 * no reason not to serve.
 */
export const publish = Effect.fn("StatusSocket.publish")(function* (
  owner: RuntimeFolder.FolderOwner,
  tell: Effect.Effect<Told>,
): Effect.fn.Return<void, never, Scope.Scope> {
  const since = yield* Clock.currentTimeMillis
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const args = withoutTicket(process.argv.slice(2))
  const folder = process.cwd()
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    run(
      Effect.map(tell, (report) => {
        const status: Status = { pid: owner.pid, version, since, args, folder, ...report }
        socket.end(`${JSON.stringify(status)}\n`)
      }),
    )
  })
  server.unref()
  const folderOfSocket = ownFolder(owner)
  const address = addressIn(folderOfSocket, `${owner.pid}${ending}`)
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      const giveUp = (error: unknown): void =>
        resume(Effect.logDebug(`ptth status cannot be answered at ${address}`, Cause.fail(error)))
      server.once("error", giveUp)
      try {
        // Pipes of Windows are in no folder.
        if (process.platform !== "win32")
          RuntimeFolder.requirePrivate(folderOfSocket, owner, writable)
        listenPrivately(server, address, () => resume(Effect.void))
      } catch (error) {
        giveUp(error)
      }
    }),
    () =>
      Effect.sync(() => {
        server.close()
      }),
  )
})

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Status))

/** Asks one process; `undefined` if there is none any more, whose socket is then removed. */
const ask = (path: string): Effect.Effect<Status | undefined> =>
  Effect.callback<Status | undefined>((resume) => {
    const socket = net.connect(path)
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNREFUSED") rmSync(path, { force: true })
      resume(Effect.succeed(undefined))
    })
    text(socket).then(
      (line) => resume(Effect.succeed(Option.getOrUndefined(decode(line)))),
      () => resume(Effect.succeed(undefined)),
    )
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOption(answerMillis),
    Effect.map((answer) => Option.getOrUndefined(answer)),
  )

/** The folders in which processes may have their sockets: this user's, and those of units of the system. */
const foldersOf = (owner: RuntimeFolder.FolderOwner): ReadonlyArray<string> => [
  ...new Set([ownFolder(owner), folderOf(owner), ...RuntimeFolder.unitFolders()]),
]

/** All processes that answer, the oldest first. */
export const askAll = (owner: RuntimeFolder.FolderOwner): Effect.Effect<ReadonlyArray<Status>> =>
  Effect.suspend(() =>
    Effect.forEach(
      foldersOf(owner).flatMap((folder) => addressesIn(folder, ending)),
      ask,
      { concurrency: "unbounded" },
    ),
  ).pipe(
    Effect.map((statuses) =>
      statuses
        .flatMap((status) => (status === undefined ? [] : [status]))
        .sort((one, other) => one.since - other.since),
    ),
  )
