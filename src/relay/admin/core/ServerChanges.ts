/**
 * Changes of registered servers that an administrator makes: each is planned,
 * shown as a comparison of the file before and after, and carried out once.
 */
import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { isExpected } from "../../../cluster/Peers.ts"
import { tripcode } from "../../../domain/ApiKey.ts"
import type { ServerName } from "../../../domain/ServerName.ts"
import * as AdminControl from "../../../protocol/peer/AdminControl.ts"
import { newKey } from "../../../transport/auth/NewKey.ts"
import { AuditLog } from "../../audit/AuditLog.ts"
import * as ServerEdit from "../../registry/ServerEdit.ts"
import * as ServerFiles from "../../registry/ServerFiles.ts"
import * as Tickets from "../../registry/Tickets.ts"
import { RelaySettings } from "../../settings/RelaySettings.ts"
import { type Reached, type RelayIdentity, Relays, uniqueById } from "../../status/Relays.ts"

/** What an administrator asks for. */
export type ChangeRequest =
  | { readonly act: "rename"; readonly to: string }
  | { readonly act: "pause" | "resume" | "remove" }
  /** A new key; the others stay valid if `keeps`. */
  | { readonly act: "new key"; readonly keeps: boolean }
  | { readonly act: "drop key"; readonly tripcode: string }

/** A change that is to be confirmed. */
export interface PlannedChange {
  /** With it the change is carried out, once. */
  readonly id: string
  readonly name: string
  readonly request: ChangeRequest
  /** The file as it is called now. */
  readonly path: string
  /** The file afterwards; `undefined` if it is removed. */
  readonly newPath: string | undefined
  readonly diff: ReadonlyArray<ServerEdit.DiffLine>
}

/** A change that was made. */
export interface MadeChange extends Reached {
  /** The server's name now. */
  readonly name: string
  readonly request: ChangeRequest
  /** Its new key, which is shown once. */
  readonly key: string | undefined
}

/** How long a planned change can be confirmed, in milliseconds. */
const plannedMillis = 10 * 60_000

/** How many changes are planned at once; a new one beyond that replaces the oldest. */
const maxPlanned = 50

interface Planned {
  readonly until: number
  readonly plan: ServerFiles.ServerPlan
  readonly request: ChangeRequest
  readonly key: string | undefined
}

/** See the file's header. */
export class ServerChanges extends Context.Service<
  ServerChanges,
  {
    /** The file of `servers.d` that registers a server; `undefined` if pages cannot change it. */
    readonly file: (name: string) => Effect.Effect<string | undefined>
    readonly plan: (
      name: string,
      request: ChangeRequest,
    ) => Effect.Effect<PlannedChange, ServerFiles.ChangeError>
    /**
     * Carries a planned change out at all relays; it is in force here when this succeeds.
     *
     * @param by who did it, for the audit log
     */
    readonly apply: (id: string, by: string) => Effect.Effect<MadeChange, ServerFiles.ChangeError>
    /** Makes a ticket with which a server registers itself, or gets another key. */
    readonly invite: Tickets.InviteServer
    /** Ends the links of a server at all relays; it may connect again. */
    readonly disconnect: (name: ServerName, by: string) => Effect.Effect<Reached>
  }
>()("ptth/relay/admin/ServerChanges") {
  static readonly layer: Layer.Layer<ServerChanges, never, RelaySettings | AuditLog | Relays> =
    Layer.effect(
      ServerChanges,
      Effect.suspend(() => make),
    )
}

const cannot = (detail: string) =>
  new ServerFiles.ChangeError({ code: "PTTH_CANNOT_CHANGE", detail })

/** The change of the file, and the new key if there is one. */
const changeOf = (
  request: ChangeRequest,
  tripcodes: ReadonlyArray<string>,
): { readonly change: ServerEdit.ServerChange; readonly key: string | undefined } => {
  switch (request.act) {
    case "rename":
      return { change: { kind: "rename", to: request.to }, key: undefined }
    case "new key": {
      const key = newKey()
      const validBefore = request.keeps ? tripcodes : []
      return {
        change: { kind: "keys", tripcodes: [...validBefore, tripcode(key)] },
        key: Redacted.value(key),
      }
    }
    case "drop key":
      return {
        change: { kind: "keys", tripcodes: tripcodes.filter((one) => one !== request.tripcode) },
        key: undefined,
      }
    default:
      return { change: { kind: request.act }, key: undefined }
  }
}

/** A change in words, for the audit log. */
const wordsOf = (request: ChangeRequest): string => {
  switch (request.act) {
    case "rename":
      return `renamed to ${request.to}`
    case "new key":
      return request.keeps ? "a key added" : "the key replaced"
    case "drop key":
      return "a key removed"
    case "pause":
      return "paused"
    case "resume":
      return "resumed"
    case "remove":
      return "removed"
  }
}

/** The changes that wait to be confirmed, by their ids. */
class PlannedChanges {
  private readonly byId = new Map<string, Planned>()

  /** Adds a change and gives its id. */
  add(planned: Planned): string {
    const [oldest] = this.byId.keys()
    if (this.byId.size >= maxPlanned && oldest !== undefined) this.byId.delete(oldest)
    const id = randomBytes(16).toString("base64url")
    this.byId.set(id, planned)
    return id
  }

  /** Takes a change that is confirmed in time. */
  take(id: string, now: number): Planned | undefined {
    const planned = this.byId.get(id)
    this.byId.delete(id)
    return planned !== undefined && now < planned.until ? planned : undefined
  }
}

/** One relay of each other machine, which changes its own files. */
const deputies = ({ peers }: Relays["Service"]): ReadonlySet<string> => {
  const byMachine = new Map<string, string>()
  for (const peer of peers.list())
    if (peer.machine !== peers.self.machine && isExpected(peer) && !byMachine.has(peer.machine))
      byMachine.set(peer.machine, peer.id)
  return new Set(byMachine.values())
}

/** Makes the change at the other machines, and has all relays load their files; gives those that did not answer. */
const tellOthers = Effect.fnUntraced(function* (
  relays: Relays["Service"],
  { change, name }: ServerFiles.ServerPlan,
) {
  const chosen = deputies(relays)
  const isDeputy = ({ id }: RelayIdentity): boolean => chosen.has(id)
  const { id } = relays.peers.self
  const changed = yield* relays.ask(AdminControl.change, { name, change }, isDeputy)
  const reloaded = yield* relays.ask(
    AdminControl.reload,
    {},
    (relay) => relay.id !== id && !isDeputy(relay),
  )
  return uniqueById([...changed.silent, ...reloaded.silent])
})

/** One function, since planning and carrying out share the changes that wait to be confirmed. */
const make = Effect.gen(function* () {
  const settings = yield* RelaySettings
  const audit = yield* AuditLog
  const relays = yield* Relays
  const fs = Option.getOrUndefined(yield* Effect.serviceOption(FileSystem.FileSystem))
  const planned = new PlannedChanges()

  /** The folder of the files, and access to it. */
  const files = Effect.suspend(() => {
    const { serversFolder } = settings.status()
    return serversFolder === undefined || fs === undefined
      ? Effect.fail(cannot("this relay has no configuration file beside which it could write"))
      : Effect.succeed({ folder: serversFolder, fs })
  })

  const plan = Effect.fn("ServerChanges.plan")(function* (name: string, request: ChangeRequest) {
    const { folder, fs } = yield* files
    const { change, key } = changeOf(request, settings.derived().servers.get(name)?.tripcodes ?? [])
    const plan = yield* ServerFiles.plan(folder, settings.current(), name, change).pipe(
      Effect.provideService(FileSystem.FileSystem, fs),
    )
    const until = (yield* Clock.currentTimeMillis) + plannedMillis
    return {
      id: planned.add({ until, plan, request, key }),
      name,
      request,
      path: plan.before.path,
      newPath: plan.after?.path,
      diff: ServerEdit.diff(plan.before.text, plan.after?.text ?? ""),
    }
  })

  const apply = Effect.fn("ServerChanges.apply")(function* (id: string, by: string) {
    const confirmed = planned.take(id, yield* Clock.currentTimeMillis)
    if (confirmed === undefined)
      return yield* cannot("this change was made already, or nobody confirmed it in time")
    const { key, plan, request } = confirmed
    const { fs } = yield* files
    yield* Effect.provideService(ServerFiles.carryOut(plan), FileSystem.FileSystem, fs)
    yield* settings.reload
    if (!ServerFiles.holds(settings.current(), plan.name, plan.change))
      return yield* cannot(
        `the file is written, but the configuration is not in force: ${settings.status().problem?.message ?? "it was changed again"}`,
      )
    const name = plan.name as ServerName
    audit.record({ _tag: "ServerChanged", name, change: wordsOf(request), by })
    const silent = yield* tellOthers(relays, plan)
    const newName = plan.change.kind === "rename" ? plan.change.to : plan.name
    return { name: newName, request, key, silent }
  })

  return ServerChanges.of({
    invite: yield* Tickets.makeInvite,
    file: (name) =>
      files.pipe(
        Effect.flatMap(({ folder, fs }) =>
          Effect.provideService(ServerFiles.find(folder, name), FileSystem.FileSystem, fs),
        ),
        Effect.map((file) => file?.path),
        Effect.orElseSucceed(() => undefined),
      ),
    plan,
    apply,
    disconnect: Effect.fn("ServerChanges.disconnect")(function* (name: ServerName, by: string) {
      const { silent } = yield* relays.ask(AdminControl.disconnect, { name })
      audit.record({ _tag: "ServerCutOff", name, by })
      return { silent }
    }),
  })
})
