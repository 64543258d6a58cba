/**
 * Tickets of a relay that runs: an administrator makes one, and a server that
 * presents it has its key registered without an approval. A ticket is good at all
 * relays that serve as one, wherever it was made.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Peers, type PeersShape, type PeerView } from "../../cluster/Peers.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { isTripcode, type Tripcode } from "../../domain/Tripcode.ts"
import * as Ticket from "../../protocol/link/Ticket.ts"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import type { ControlKind } from "../../protocol/peer/PeerControl.ts"
import * as TicketControl from "../../protocol/peer/TicketControl.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import type { ApprovalError } from "./Approval.ts"
import * as Invitations from "./Invitations.ts"
import * as RegisterServer from "./RegisterServer.ts"

/** Who registers a server by a ticket, in the audit log. */
const byTicket = "ticket"

/** How long another relay may take to answer, in milliseconds. */
const answerMillis = 3_000

/**
 * Makes an invitation.
 *
 * @param by who did it, for the audit log
 */
export type InviteServer = (
  name: string,
  by: string,
  options?: Invitations.InvitationOptions,
) => Effect.Effect<Invitations.Invitation, ApprovalError>

/** The operation for the administrator; a supervisor of workers has it too. */
export const makeInvite: Effect.Effect<InviteServer, never, RelaySettings | AuditLog> = Effect.gen(
  function* () {
    const settings = yield* RelaySettings
    const audit = yield* AuditLog
    const fs = Option.getOrUndefined(yield* Effect.serviceOption(FileSystem.FileSystem))
    return Effect.fn("InviteServer")(function* (name, by, options) {
      const { serversFolder } = settings.status()
      if (serversFolder === undefined || fs === undefined) return yield* RegisterServer.noFolder
      const invitation = yield* Invitations.invite(
        serversFolder,
        settings.current(),
        name,
        options,
      ).pipe(Effect.provideService(FileSystem.FileSystem, fs))
      audit.record({
        _tag: "ServerInvited",
        name: invitation.name,
        expires: new Date(invitation.expiresAt).toISOString(),
        by,
      })
      return invitation
    })
  },
)

/** Redeems a ticket: whether the key with this tripcode is registered for the name now. */
export type RedeemTicket = (
  name: string,
  ticket: string,
  tripcode: Tripcode,
) => Effect.Effect<boolean>

interface Registration {
  readonly name: string
  readonly tripcode: string
  readonly replaces: boolean
}

/** Registers servers by tickets, here and at other relays. */
class Redeemer {
  private readonly settings: RelaySettings["Service"]
  private readonly peers: PeersShape
  private readonly register: RegisterServer.RegisterServer
  private readonly fs: FileSystem.FileSystem | undefined

  constructor(
    settings: RelaySettings["Service"],
    peers: PeersShape,
    register: RegisterServer.RegisterServer,
    fs: FileSystem.FileSystem | undefined,
  ) {
    this.settings = settings
    this.peers = peers
    this.register = register
    this.fs = fs
  }

  /** Answers other relays. */
  listen(): void {
    this.peers.onControl(TicketControl.redeem, ({ digest, name, tripcode }) =>
      isServerName(name) && isTripcode(tripcode)
        ? Effect.map(
            this.redeemHere(name, digest, tripcode),
            (registration) => registration ?? null,
          )
        : Effect.succeed(null),
    )
    this.peers.onControl(TicketControl.register, (registration) =>
      this.registerHere(registration).pipe(
        Effect.as(null),
        Effect.mapError(({ message }) => message),
      ),
    )
  }

  /** See {@link RedeemTicket}. */
  readonly redeem: RedeemTicket = Effect.fn("RedeemTicket")(
    { self: this },
    function* (name: string, ticket: string, tripcode: Tripcode) {
      if (!isServerName(name) || Ticket.nameOf(ticket) !== name) return false
      const { peers, settings } = this
      const digest = Ticket.digest(ticket)
      const machines = othersOf(peers.list(), peers.self.machine)
      let registration: Registration | undefined = yield* this.redeemHere(name, digest, tripcode)
      let from = peers.self.machine
      for (const peer of machines) {
        if (registration !== undefined) break
        const answer = yield* this.ask(peer, TicketControl.redeem, { name, digest, tripcode })
        registration = Option.getOrUndefined(answer) ?? undefined
        from = peer.machine
      }
      if (registration === undefined) return false
      if (from !== peers.self.machine)
        yield* Effect.catch(this.registerHere(registration), ({ message }) =>
          Effect.logError(`a ticket for ${name} was redeemed at ${from}, but not here\n${message}`),
        )
      const message = registration
      yield* Effect.forEach(
        machines.filter(({ machine }) => machine !== from),
        (peer) => this.ask(peer, TicketControl.register, message),
        { concurrency: "unbounded", discard: true },
      )
      return settings.derived().servers.get(name)?.tripcodes.includes(tripcode) === true
    },
  )

  private ask<A, R>(peer: PeerView, kind: ControlKind<A, R>, message: A) {
    return Effect.option(this.peers.ask(peer.id, kind, message, answerMillis))
  }

  /** Registers the server at this machine, and has its other processes load the configuration. */
  private readonly registerHere = Effect.fnUntraced(
    { self: this },
    function* ({ name, replaces, tripcode }: Registration) {
      const { peers } = this
      yield* this.register(name, tripcode, byTicket, replaces)
      const beside = peers.list().filter((peer) => isUp(peer) && isOf(peer, peers.self.machine))
      yield* Effect.forEach(
        beside,
        (peer) => this.ask(peer, AdminControl.approving, { name, tripcode, isDone: true }),
        { concurrency: "unbounded", discard: true },
      )
    },
  )

  /** The registration that an invitation of this machine makes, if it has the ticket's. */
  private readonly redeemHere = Effect.fnUntraced(
    { self: this },
    function* (name: ServerName, digest: string, tripcode: Tripcode) {
      const { fs, settings } = this
      const { serversFolder } = settings.status()
      if (serversFolder === undefined || fs === undefined) return undefined
      const invitation = yield* Invitations.take(serversFolder, name, digest).pipe(
        Effect.provideService(FileSystem.FileSystem, fs),
      )
      if (invitation === undefined) return undefined
      const { putBack, replaces } = invitation
      // Its server was removed by hand since the invitation.
      if (replaces && !settings.derived().servers.has(name)) return undefined
      const registration: Registration = { name, tripcode, replaces }
      return yield* this.registerHere(registration).pipe(
        Effect.as(registration),
        Effect.catchTag("ApprovalError", ({ message }) =>
          putBack.pipe(
            Effect.andThen(Effect.logError(`a ticket for ${name} was not redeemed\n${message}`)),
            Effect.as(undefined),
          ),
        ),
      )
    },
  )
}

/** The operation for servers that connect; it answers other relays too while the Scope is open. */
export const makeRedeem: Effect.Effect<
  RedeemTicket,
  never,
  RelaySettings | AuditLog | Scope.Scope
> = Effect.gen(function* () {
  const redeemer = new Redeemer(
    yield* RelaySettings,
    yield* Peers,
    yield* RegisterServer.make,
    Option.getOrUndefined(yield* Effect.serviceOption(FileSystem.FileSystem)),
  )
  redeemer.listen()
  return redeemer.redeem
})

const isUp = ({ state }: PeerView): boolean => state === "up"

const isOf = (peer: PeerView, machine: string): boolean => peer.machine === machine

/** One relay of each other machine that can be reached. */
const othersOf = (peers: ReadonlyArray<PeerView>, own: string): ReadonlyArray<PeerView> => [
  ...new Map(
    peers
      .filter((peer) => isUp(peer) && !isOf(peer, own))
      .map((peer) => [peer.machine, peer] as const),
  ).values(),
]
