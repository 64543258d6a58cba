/**
 * Messages over one connection between relays (`PeerControl.ts`): splits them
 * into frames, joins what comes, and matches replies to questions.
 */
import * as Schema from "effect/Schema"
import * as PeerControl from "../../protocol/peer/PeerControl.ts"
import * as PeerFrame from "../../protocol/peer/PeerFrame.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"

/** The largest message, in bytes. */
const maxMessage = 16 * 1024 * 1024

/** The id of messages that are not answered. */
const noReply = 0

/** The outcome of a question: the body of the reply, or what went wrong. */
export type Reply =
  | { readonly _tag: "Body"; readonly body: unknown }
  | {
      readonly _tag: "Failed"
      readonly reason: "timeout" | "lost" | "failed"
      readonly detail: string
    }

/** What a channel needs of its connection. */
export interface ControlOptions {
  readonly send: (frame: Uint8Array) => void
  readonly deadlines: Deadlines
  /** A message has come; `reply` is there if an answer is expected. */
  readonly onMessage: (
    kind: string,
    body: unknown,
    reply: ((reply: typeof PeerControl.ReplyEnvelope.Type) => void) | undefined,
  ) => void
}

interface Question {
  readonly done: (reply: Reply) => void
  readonly deadline: Deadline
}

const decodeEnvelope = Schema.decodeUnknownOption(PeerControl.Envelope)
const decodeReply = Schema.decodeUnknownOption(PeerControl.ReplyEnvelope)

/** See the file's header. */
export class ControlChannel {
  private readonly options: ControlOptions
  private readonly questions = new Map<number, Question>()
  /** Messages of which not all pieces have come, by direction and id. */
  private readonly parts = new Map<string, { readonly pieces: Array<Buffer>; size: number }>()
  private lastId = noReply

  constructor(options: ControlOptions) {
    this.options = options
  }

  /** Sends a message that is not answered. */
  tell(kind: string, body: unknown): void {
    this.write(noReply, false, { kind, body })
  }

  /** Sends a message; `done` is called once. */
  ask(kind: string, body: unknown, millis: number, done: (reply: Reply) => void): void {
    this.lastId = (this.lastId % 0xffff_ffff) + 1
    const id = this.lastId
    const deadline = this.options.deadlines.set(millis, () =>
      this.settle(id, { _tag: "Failed", reason: "timeout", detail: `no answer in ${millis} ms` }),
    )
    this.questions.set(id, { done, deadline })
    this.write(id, false, { kind, body })
  }

  /** Takes a frame. `false`: it is illegal. */
  frame({ bytes, id, isPart, isReply }: PeerFrame.Control): boolean {
    const text = this.join(`${isReply} ${id}`, bytes, isPart)
    if (typeof text === "boolean") return text
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return false
    }
    if (isReply) {
      const reply = decodeReply(value)
      if (reply._tag === "None") return false
      this.settle(
        id,
        "error" in reply.value
          ? { _tag: "Failed", reason: "failed", detail: reply.value.error }
          : { _tag: "Body", body: reply.value.body },
      )
      return true
    }
    const envelope = decodeEnvelope(value)
    if (envelope._tag === "None") return false
    const { body, kind } = envelope.value
    const reply = (message: typeof PeerControl.ReplyEnvelope.Type): void =>
      this.write(id, true, message)
    this.options.onMessage(kind, body, id === noReply ? undefined : reply)
    return true
  }

  /** The connection is gone. */
  close(): void {
    for (const id of [...this.questions.keys()])
      this.settle(id, { _tag: "Failed", reason: "lost", detail: "the connection was lost" })
    this.parts.clear()
  }

  private settle(id: number, reply: Reply): void {
    const question = this.questions.get(id)
    if (question === undefined) return
    this.questions.delete(id)
    question.deadline.clear()
    question.done(reply)
  }

  private write(id: number, isReply: boolean, message: unknown): void {
    const bytes = Buffer.from(JSON.stringify(message))
    let at = 0
    do {
      const end = Math.min(at + PeerFrame.maxPiece, bytes.length)
      const isPart = end < bytes.length
      this.options.send(PeerFrame.control({ id, isReply, isPart, bytes: bytes.subarray(at, end) }))
      at = end
    } while (at < bytes.length)
  }

  /** The whole text; `true` if more pieces are to come, `false` if there are too many. */
  private join(key: string, bytes: Uint8Array, isPart: boolean): string | boolean {
    const before = this.parts.get(key)
    if (before === undefined && !isPart) return Buffer.from(bytes).toString()
    const part = before ?? { pieces: [], size: 0 }
    part.pieces.push(Buffer.from(bytes))
    part.size += bytes.length
    if (part.size > maxMessage) return false
    if (isPart) {
      this.parts.set(key, part)
      return true
    }
    this.parts.delete(key)
    return Buffer.concat(part.pieces).toString()
  }
}
