/**
 * Approved servers of a cluster. An approval on one relay is written to the
 * `servers.d` of each, so that a relay needs no engine to know it. A file that is
 * removed on one relay is removed on all, and a server that is paused on one is
 * paused on all, also on those that were away. This holds only for files that
 * approval wrote: all others are the operator's and stay with their machine.
 */
import * as NodePath from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { Complaints } from "../../cluster/engine/Complaints.ts"
import { Engine } from "../../cluster/engine/Engine.ts"
import * as SharedRecords from "../../cluster/engine/SharedRecords.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { Tripcode } from "../../domain/Tripcode.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as Approval from "./Approval.ts"
import { Servers } from "./Servers.ts"

/** What is shared of an approved server. */
const ApprovedServer = Schema.Struct({
  tripcode: Tripcode,
  paused: Schema.optionalKey(Schema.Literal(true)),
})
type ApprovedServer = typeof ApprovedServer.Type
type Records = SharedRecords.Records<ApprovedServer>

/** A file that approval wrote, and when, in milliseconds since 1970. */
interface ApprovedFile extends ApprovedServer {
  readonly changedAt: number
}

type Files = ReadonlyMap<ServerName, ApprovedFile>

const approved = (tripcode: Tripcode, isPaused: boolean): ApprovedServer =>
  isPaused ? { tripcode, paused: true } : { tripcode }

const isSame = (one: ApprovedServer | undefined, other: ApprovedServer): boolean =>
  one?.tripcode === other.tripcode && one.paused === other.paused

/** The relay's copy, beside the files; it does not count as one of them. */
const copyName = ".approvals.json"

const Copy = Schema.fromJsonString(
  Schema.Struct({
    records: SharedRecords.recordsOf(ApprovedServer),
    /** The servers whose files were there. */
    present: Schema.Array(Schema.String),
  }),
)
const decodeCopy = Schema.decodeUnknownResult(Copy)
const encodeCopy = Schema.encodeSync(Copy)

const readCopy = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(NodePath.join(folder, copyName)))
  return Option.isNone(text) ? undefined : Result.getOrUndefined(decodeCopy(text.value))
})

const writeCopy = Effect.fnUntraced(function* (folder: string, copy: typeof Copy.Type) {
  const fs = yield* FileSystem.FileSystem
  const path = NodePath.join(folder, copyName)
  yield* fs.writeFileString(`${path}.tmp`, encodeCopy(copy))
  yield* fs.rename(`${path}.tmp`, path)
})

const pathOf = (folder: string, name: ServerName): string => NodePath.join(folder, `${name}.toml`)

/** The file of a server, if approval wrote it as it is. */
const readFile = Effect.fnUntraced(function* (folder: string, name: ServerName) {
  const fs = yield* FileSystem.FileSystem
  const path = pathOf(folder, name)
  const text = yield* fs.readFileString(path)
  const tripcode = /tripcode = "([^"\n]*)"/.exec(text)?.[1]
  if (!Schema.is(Tripcode)(tripcode)) return undefined
  const isPaused = text === Approval.toToml(name, tripcode, true)
  if (!isPaused && text !== Approval.toToml(name, tripcode)) return undefined
  const { mtime } = yield* fs.stat(path)
  const changedAt = Option.match(mtime, { onNone: () => 0, onSome: (at) => at.getTime() })
  return {
    ...approved(tripcode, isPaused),
    changedAt: Math.floor(changedAt),
  } satisfies ApprovedFile
})

const readFiles = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  const files = new Map<ServerName, ApprovedFile>()
  for (const fileName of names) {
    const name = /^(.*)\.toml$/.exec(fileName)?.[1] ?? ""
    if (!isServerName(name)) continue
    const file = yield* Effect.orElseSucceed(readFile(folder, name), () => undefined)
    if (file !== undefined) files.set(name, file)
  }
  return files
})

/** The approvals of one relay: its files and its copy of the shared records. */
class Approvals {
  private readonly folder: string
  private readonly settings: RelaySettings["Service"]
  private readonly servers: Option.Option<Servers["Service"]>
  private readonly clock: Clock.Clock
  private readonly complaints = new Complaints()
  /** Servers whose files were there when last looked; `undefined` if that was never. */
  private present: ReadonlySet<string> | undefined
  /** The files as they were when last looked or written. */
  private lastFiles: Map<ServerName, ApprovedServer> | undefined

  constructor(
    folder: string,
    settings: RelaySettings["Service"],
    servers: Option.Option<Servers["Service"]>,
    clock: Clock.Clock,
    present: ReadonlyArray<string> | undefined,
  ) {
    this.folder = folder
    this.settings = settings
    this.servers = servers
    this.clock = clock
    this.present = present === undefined ? undefined : new Set(present)
  }

  /** What was changed on this machine since last looked. */
  readonly look = Effect.fnUntraced({ self: this }, function* (records: Records) {
    const files = yield* readFiles(this.folder)
    const now = this.clock.currentTimeMillisUnsafe()
    const changes = new Map<string, SharedRecords.SharedRecord<ApprovedServer>>()
    for (const [name, file] of files) {
      const { changedAt, paused, tripcode } = file
      const record = records.get(name)
      if (isSame(record?.value, file)) continue
      // What has changed here while this process looks is the latest change, whatever the clocks say;
      // a file from before may be older than its removal elsewhere.
      const isNew = this.present !== undefined && !this.present.has(name)
      const last = this.lastFiles?.get(name)
      const isEdited = last !== undefined && !isSame(last, file)
      const at = isNew || isEdited ? Math.max(now, (record?.at ?? 0) + 1) : changedAt
      changes.set(name, { at, value: approved(tripcode, paused === true) })
    }
    const present = new Set<string>(files.keys())
    for (const name of this.present ?? []) {
      const { at = 0, value } = records.get(name) ?? {}
      if (present.has(name) || value === undefined) continue
      // The operator may have registered it in a file instead.
      if (this.accepts(name, value.tripcode)) present.add(name)
      else changes.set(name, { at: Math.max(now, at + 1), value: undefined })
    }
    this.present = present
    this.lastFiles = new Map(files)
    return { changes, files }
  })

  /** Makes the files follow the records. */
  readonly apply = Effect.fnUntraced({ self: this }, function* (records: Records, files: Files) {
    const present = new Set(this.present)
    const removed = [...files].filter(([name, { tripcode }]) => {
      const record = records.get(name)
      return record !== undefined && record.value?.tripcode !== tripcode
    })
    const fs = yield* FileSystem.FileSystem
    for (const [name] of removed) {
      yield* Effect.ignore(fs.remove(pathOf(this.folder, name)))
      present.delete(name)
      this.lastFiles?.delete(name)
      yield* Effect.logInfo(`${name} is no longer approved: it was removed on another relay`)
    }
    if (removed.length > 0) yield* this.settings.reload
    for (const [name, { at, value }] of records) {
      if (!isServerName(name) || value === undefined) continue
      const file = files.get(name)
      if (file?.tripcode === value.tripcode) {
        if (!isSame(file, value)) yield* this.pause(name, value, at)
        continue
      }
      if (this.accepts(name, value.tripcode)) continue
      if (yield* this.approve(name, value, at)) present.add(name)
    }
    this.present = present
  })

  readonly save = Effect.fnUntraced({ self: this }, function* (records: Records) {
    const copy = { records: SharedRecords.toObject(records), present: [...(this.present ?? [])] }
    yield* writeCopy(this.folder, copy).pipe(
      Effect.catch((error) =>
        this.complaints.log(
          `the approvals of the cluster cannot be kept in ${this.folder}`,
          error.message,
        ),
      ),
    )
  })

  private accepts(name: string, tripcode: Tripcode): boolean {
    const { servers } = this.settings.derived()
    return servers.get(name)?.tripcodes.includes(tripcode) === true
  }

  /** Pauses a server, or resumes it. */
  private pause(name: ServerName, { paused, tripcode }: ApprovedServer, at: number) {
    return Effect.gen({ self: this }, function* () {
      const fs = yield* FileSystem.FileSystem
      const path = pathOf(this.folder, name)
      const isPaused = paused === true
      yield* Approval.write(this.folder, path, Approval.toToml(name, tripcode, isPaused))
      yield* fs.utimes(path, at / 1000, at / 1000)
      this.lastFiles?.set(name, approved(tripcode, isPaused))
      yield* this.settings.reload
      yield* Effect.logInfo(
        `${name} is ${isPaused ? "paused" : "resumed"}: it was on another relay`,
      )
    }).pipe(
      Effect.catch(({ message }) =>
        this.complaints.log(
          `${name} was paused or resumed on another relay, but not here`,
          message,
        ),
      ),
    )
  }

  private approve(name: ServerName, { paused, tripcode }: ApprovedServer, at: number) {
    return Effect.gen({ self: this }, function* () {
      const fs = yield* FileSystem.FileSystem
      const servers = Option.getOrUndefined(this.servers)
      const end = servers?.approving(name, tripcode)
      const path = yield* Approval.approve(
        this.folder,
        this.settings.current(),
        name,
        tripcode,
        paused === true,
      ).pipe(Effect.ensuring(Effect.sync(() => end?.(undefined))))
      if (path !== undefined) yield* Effect.ignore(fs.utimes(path, at / 1000, at / 1000))
      this.lastFiles?.set(name, approved(tripcode, paused === true))
      servers?.approvedElsewhere(name, tripcode)
      yield* this.settings.reload
      yield* Effect.logInfo(`${name} is approved: it was approved on another relay`)
      return true
    }).pipe(
      Effect.catchTag("ApprovalError", ({ message }) =>
        Effect.as(
          this.complaints.log(`${name} was approved on another relay, but not here`, message),
          false,
        ),
      ),
    )
  }
}

const shareApprovals = Effect.fnUntraced(function* (
  folder: string,
): Effect.fn.Return<void, never, RelaySettings | FileSystem.FileSystem | Scope.Scope> {
  const settings = yield* RelaySettings
  // A supervisor of workers has none.
  const servers = yield* Effect.serviceOption(Servers)
  const fs = yield* FileSystem.FileSystem
  const clock = yield* Clock.Clock
  const copy = yield* readCopy(folder)
  const before = SharedRecords.fromObject(copy?.records ?? {})
  const approvals = new Approvals(folder, settings, servers, clock, copy?.present)
  const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)
  const withFiles = <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem>) =>
    Effect.provideService(effect, FileSystem.FileSystem, fs)

  const first = yield* withFiles(approvals.look(before))
  const shared: SharedRecords.SharedRecords<ApprovedServer> = yield* SharedRecords.make({
    key: "approvals",
    value: ApprovedServer,
    initial: new Map([...before, ...first.changes]),
    onChange: (records) =>
      withFiles(
        Effect.gen(function* () {
          const { changes, files } = yield* approvals.look(records)
          shared.change(changes)
          yield* approvals.apply(shared.records(), files)
          yield* approvals.save(shared.records())
        }),
      ).pipe(oneAtATime),
  })
  if (first.changes.size > 0) yield* withFiles(approvals.save(shared.records()))
  const follow = withFiles(
    Effect.gen(function* () {
      const { changes } = yield* approvals.look(shared.records())
      shared.change(changes)
      if (changes.size > 0) yield* approvals.save(shared.records())
    }),
  ).pipe(oneAtATime)
  yield* Effect.forkScoped(Stream.runForEach(settings.changes, () => follow))
})

/** Shares them while the layer is alive; does nothing without an engine. */
export const layer: Layer.Layer<never, never, RelaySettings | FileSystem.FileSystem> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const engine = yield* Engine
      const { serversFolder } = (yield* RelaySettings).status()
      if (engine.status().state !== "off" && serversFolder !== undefined)
        yield* shareApprovals(serversFolder)
    }),
  )
