/**
 * Carries out the forms by which people change a folder. Without script the
 * answer leads back to the folder; a script gets JSON.
 */
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import * as Accept from "../../web/Accept.ts"
import * as ChangeRefusal from "../change/ChangeRefusal.ts"
import { type Asker, Changes } from "../change/Changes.ts"
import type { ChangeTarget } from "../change/ChangeTarget.ts"
import * as Query from "../http/Query.ts"
import { type ByteName, toDisplay } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import { FileReceiver } from "../uploads/FileReceiver.ts"
import * as Refusal from "../uploads/Refusal.ts"
import { UploadReply } from "../uploads/UploadReply.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import * as ChangeForm from "./ChangeForm.ts"
import * as TextFile from "./TextFile.ts"

const windows = process.platform === "win32"
const noTokens: ReadonlySet<string> = new Set()

type Path = ReadonlyArray<ByteName>

/** What a form has done. */
interface Result {
  readonly done: ReadonlyArray<ByteName>
  readonly refusals: ReadonlyArray<Refusal.Refusal>
  /** Of what was deleted, the ids in the bin. */
  readonly undo: ReadonlyArray<string>
}

/** See the head of this file. */
export class FormHandler {
  private readonly to: ChangeTarget
  private readonly changes: Changes

  constructor(to: ChangeTarget) {
    this.to = to
    this.changes = new Changes(to)
  }

  /** Answers a form; `undefined` if a request is not one. */
  handle(head: RequestHead, body: Body.Body, reply: Reply): Cancel | undefined {
    const action = head.method === "POST" ? ChangeForm.actionIn(head) : undefined
    if (action === undefined) return undefined
    const form = new FormRequest(head, reply)
    const folder = ChangeForm.folderIn(TargetPath.decode(head.target, windows))
    const refusal = !UploadRules.isSameOrigin(head.headers)
      ? ChangeRefusal.otherSite
      : folder === undefined
        ? ChangeRefusal.absent
        : undefined
    if (folder === undefined || refusal !== undefined) {
      body.discard()
      form.refuse(refusal ?? ChangeRefusal.absent)
      return form.cancel
    }
    const flow = Body.collect(body, ChangeForm.maxBytes, {
      whole: (bytes) => {
        const parsed = ChangeForm.parse(action, bytes, folder)
        if (parsed === undefined) return form.refuse(incomplete)
        void this.run(parsed, folder, form).then((result) => form.answer(parsed, result))
      },
      tooLarge: () => form.refuse(tooLong),
      cut: () => form.refuse(incomplete),
    })
    form.whenCancelled(() => flow.cancel())
    return form.cancel
  }

  /** Carries out a form. One function, since it is a table: a case for each action. */
  private async run(action: ChangeForm.Action, folder: Path, asker: FormRequest): Promise<Result> {
    const done: Array<ByteName> = []
    const refusals: Array<Refusal.Refusal> = []
    const undo: Array<string> = []
    const add = (name: ByteName, outcome: object | string): void => {
      if (typeof outcome !== "string" && "code" in outcome)
        refusals.push(outcome as Refusal.Refusal)
      else done.push(name)
    }
    const options = { overwrite: false, deep: true }
    switch (action._tag) {
      case "Folder":
        add(action.name, await this.changes.makeFolder([...folder, action.name], asker))
        break
      case "Text":
        add(action.name, await this.makeText(action.name, folder, asker))
        break
      case "Rename": {
        const [from, to] = [
          [...folder, action.entry],
          [...folder, action.name],
        ]
        add(action.name, await this.changes.move(from, to, options, asker))
        break
      }
      case "Move":
      case "Copy":
        for (const entry of action.entries) {
          const [from, to] = [
            [...folder, entry],
            [...action.to, entry],
          ]
          const outcome =
            action._tag === "Move"
              ? await this.changes.move(from, to, options, asker)
              : await this.changes.copy(from, to, options, asker)
          add(entry, outcome)
          if ("failures" in outcome)
            refusals.push(...outcome.failures.map(({ refusal }) => refusal))
        }
        break
      case "Delete":
        for (const entry of action.entries) {
          const outcome = await this.changes.remove([...folder, entry], asker)
          add(entry, outcome)
          if (typeof outcome !== "string" && "id" in outcome) undo.push(outcome.id)
        }
        break
      case "Restore":
        for (const id of action.ids) {
          const path = await this.changes.restore(id, asker)
          add("code" in path ? id : (path.at(-1) ?? ""), path)
        }
        break
      case "Erase":
        for (const id of action.ids) add(id, await this.changes.erase(id, asker))
        break
      case "Save":
        add(action.entry, await this.save(action, folder, asker))
    }
    return { done, refusals, undo }
  }

  /** Makes an empty text. */
  private async makeText(
    name: ByteName,
    folder: Path,
    asker: FormRequest,
  ): Promise<string | Refusal.Refusal> {
    const refusal = await this.checkPut(name, folder, asker)
    if (refusal !== undefined) return refusal
    const outcome = await this.receive(folder, name, "", [["If-None-Match", "*"]], asker)
    const isTaken = typeof outcome !== "string" && outcome.code === "PTTH_UPLOAD_CONDITION"
    return isTaken ? ChangeRefusal.exists(name) : outcome
  }

  /** Why a text may not be put into a folder; `undefined` if it may. */
  private async checkPut(
    name: ByteName,
    folder: Path,
    asker: FormRequest,
  ): Promise<Refusal.Refusal | undefined> {
    if (!this.to.rules.allows(folder)) return ChangeRefusal.notAllowed
    return this.changes.checkPut([...folder, name], asker)
  }

  private receive(
    folder: Path,
    name: ByteName,
    content: string,
    conditions: Headers.HeaderList,
    asker: FormRequest,
  ): Promise<string | Refusal.Refusal> {
    const receiver = new FileReceiver(this.to.uploads, conditions, asker.commit)
    asker.whenCancelled(() => receiver.cancel())
    return receiver.receive(folder, name, Body.fromText(content))
  }

  /** Replaces a text if it still is the one that was edited. */
  private async save(
    { content, digest, entry }: Extract<ChangeForm.Action, { _tag: "Save" }>,
    folder: Path,
    asker: FormRequest,
  ): Promise<string | Refusal.Refusal> {
    const refusal = await this.checkPut(entry, folder, asker)
    if (refusal !== undefined) return refusal
    const current = await TextFile.read(this.to.uploads.root, [...folder, entry])
    if (current === undefined || current.digest !== digest) return ChangeRefusal.changed
    return this.receive(folder, entry, content, [], asker)
  }
}

const incomplete: Refusal.Refusal = {
  code: "PTTH_BAD_REQUEST",
  detail: "The form is incomplete.",
}
const tooLong: Refusal.Refusal = {
  code: "PTTH_UPLOAD_TOO_LARGE",
  detail: "The form is too long.",
}

/** One form, and the ways to answer it. */
class FormRequest extends UploadReply implements Asker {
  readonly tokens = noTokens

  /** Answers with what was done, or with the first refusal if nothing was. */
  answer(action: ChangeForm.Action, { done, refusals, undo }: Result): void {
    const [first] = refusals
    const details = refusals.map(({ detail }) => detail)
    if (this.wantsJson()) {
      const status = first === undefined ? 200 : Refusal.statusOf(first)
      return this.sendJson(status, {
        done: done.map(toDisplay),
        refused: details,
        undo,
        ...(action._tag === "Save" && first === undefined
          ? { digest: TextFile.digestOf(Buffer.from(action.content)) }
          : {}),
        ...(first === undefined ? {} : { code: first.code, detail: details.join(" ") }),
      })
    }
    if (first !== undefined) {
      const stored = done.length === 0 ? "" : ` Done: ${done.map(toDisplay).join(", ")}.`
      return this.refuse({ ...first, detail: details.slice(0, 10).join(" ") + stored })
    }
    this.succeed(303, [["Location", locationAfter(action, undo)]])
  }

  private wantsJson(): boolean {
    const accept = Headers.first(this.head.headers, "accept")
    return Accept.weight(accept, "application/json") > Accept.weight(accept, "text/html")
  }

  private sendJson(status: number, value: object): void {
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
    this.respond(
      {
        status,
        headers: [
          ["Content-Type", "application/json"],
          ["Content-Length", String(bytes.length)],
          ["X-Content-Type-Options", "nosniff"],
          ["Cache-Control", "no-store"],
        ],
      },
      Body.fromBytes(bytes),
    )
  }
}

/** How many ids of deleted entries an address may have. */
const maxUndo = 50

/** Where a form without script leads: the folder, with what can be undone, or the text that was saved. */
const locationAfter = (action: ChangeForm.Action, undo: ReadonlyArray<string>): string => {
  switch (action._tag) {
    case "Delete":
      return undo.length === 0 || undo.length > maxUndo ? "./" : `./?deleted=${undo.join(".")}`
    case "Restore":
    case "Erase":
      return "./?manage=bin"
    case "Text":
      return `./?manage=edit&entry=${Query.toEntryField(action.name)}`
    case "Save":
      return `./?manage=edit&entry=${Query.toEntryField(action.entry)}`
    default:
      return "./"
  }
}
