/**
 * One request of WebDAV: its fields, its body, and the ways to answer it.
 */
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import * as PulledBody from "../../transport/body/PulledBody.ts"
import type { Asker } from "../change/Changes.ts"
import * as PageAddress from "../http/PageAddress.ts"
import type { FolderWork } from "../send/FolderWork.ts"
import * as Refusal from "../uploads/Refusal.ts"
import { UploadReply } from "../uploads/UploadReply.ts"
import * as IfHeader from "./IfHeader.ts"
import * as Multistatus from "./Multistatus.ts"
import * as XmlTree from "./XmlTree.ts"

/** A field that has none of its values. */
export type Malformed = "malformed"

/** Gathers text into pieces of some kilobytes. */
async function* bytesOf(parts: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  let text = ""
  for await (const part of parts) {
    text += part
    if (text.length < 16_384) continue
    yield Buffer.from(text)
    text = ""
  }
  if (text !== "") yield Buffer.from(text)
}

/** See the head of this file. */
export class DavRequest extends UploadReply implements Asker {
  readonly headers: Headers.HeaderList
  /** The lists of the If field; `undefined` if it is malformed. */
  readonly conditions: ReadonlyArray<IfHeader.ConditionList> | undefined
  readonly tokens: ReadonlySet<string>
  readonly body: Body.Body
  private bodyState: "unread" | "read" = "unread"

  constructor(head: RequestHead, body: Body.Body, reply: Reply) {
    super(head, reply)
    this.headers = head.headers
    this.body = body
    const field = Headers.all(head.headers, "if").join(" ")
    this.conditions = field === "" ? [] : IfHeader.parse(field)
    this.tokens = IfHeader.tokensIn(this.conditions ?? [])
  }

  /** The path of the request as its client sees it. */
  get address(): string {
    const [path = ""] = this.head.target.split("?")
    return PageAddress.prefixOf(this.headers) + path
  }

  /** Depth (RFC 4918 10.2). */
  depth(): "0" | "1" | "infinity" | Malformed {
    const value = Headers.first(this.headers, "depth")?.trim().toLowerCase() ?? "infinity"
    return value === "0" || value === "1" || value === "infinity" ? value : "malformed"
  }

  /** Overwrite (RFC 4918 10.6). */
  overwrite(): boolean | Malformed {
    const value = Headers.first(this.headers, "overwrite")?.trim().toUpperCase() ?? "T"
    return value === "T" || value === "F" ? value === "T" : "malformed"
  }

  /** The whole body; `undefined` if it is larger than a document may be or broke off. */
  readBody(): Promise<Uint8Array | undefined> {
    this.bodyState = "read"
    const { whole } = this.body
    if (whole !== undefined) {
      this.body.discard()
      return Promise.resolve(whole.length > XmlTree.maxBytes ? undefined : whole)
    }
    return new Promise((resolve) => {
      const flow = Body.collect(this.body, XmlTree.maxBytes, {
        whole: resolve,
        tooLarge: () => resolve(undefined),
        cut: () => resolve(undefined),
      })
      this.whenCancelled(() => {
        flow.cancel()
        resolve(undefined)
      })
    })
  }

  /** Hands the body to somebody else. */
  takeBody(): Body.Body {
    this.bodyState = "read"
    return this.body
  }

  /** Discards the body unless somebody has read it. */
  end(): void {
    if (this.bodyState === "unread") this.body.discard()
  }

  /** Refuses; with the precondition of RFC 4918 16 as XML, where there is one. */
  override refuse(refusal: Refusal.Refusal, condition?: string): void {
    if (condition === undefined) return super.refuse(refusal)
    this.sendXml(Refusal.statusOf(refusal), Multistatus.error(condition, this.address))
  }

  /** Sends a document. */
  sendXml(status: number, text: string, headers: Headers.HeaderList = []): void {
    const bytes = Buffer.from(text)
    this.send(status, [...headers, ["Content-Length", String(bytes.length)]], Body.fromBytes(bytes))
  }

  /**
   * Sends a list of resources while it is written.
   *
   * @param bytes the memory that it takes until it has been read
   */
  sendList(parts: AsyncIterable<string>, work: FolderWork, bytes: number): void {
    const body = work.hold(PulledBody.make(bytesOf(parts), undefined), bytes)
    this.whenCancelled(() => body.cancel())
    this.send(207, [], body)
  }

  private send(status: number, headers: Headers.HeaderList, body: Body.Body): void {
    this.respond({ status, headers: [...Multistatus.headers, ...headers] }, body)
  }
}
