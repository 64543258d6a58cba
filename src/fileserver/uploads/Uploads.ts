/**
 * Answers uploads: PUT of one file to its own address, or POST of a form with
 * files to the address of a folder.
 */
import type { RequestHead } from "../../protocol/Message.ts"
import type * as Body from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import type { UploadTarget } from "./FileCheck.ts"
import { FileReceiver } from "./FileReceiver.ts"
import * as FormParts from "./FormParts.ts"
import * as Refusal from "./Refusal.ts"
import * as UploadName from "./UploadName.ts"
import { UploadReply } from "./UploadReply.ts"
import * as UploadRules from "./UploadRules.ts"

const windows = process.platform === "win32"

const requestOf = (
  { headers, method }: RequestHead,
  target: TargetPath.TargetPath,
): UploadRules.UploadRequest => {
  const [, ...segments] = target.segments
  return method === "POST"
    ? { headers, isForm: true, target, folder: segments, name: undefined }
    : { headers, isForm: false, target, folder: segments.slice(0, -1), name: segments.at(-1) }
}

/** Answers a PUT or POST. */
export const handle = (
  to: UploadTarget,
  head: RequestHead,
  body: Body.Body,
  reply: Reply,
): Cancel => {
  const response = new UploadReply(head, reply)
  const refuse = (refusal: Refusal.Refusal): Cancel => {
    body.discard()
    response.refuse(refusal)
    return response.cancel
  }
  const dotfiles = to.rules.sidecars && "sidecars"
  const target = TargetPath.decode(head.target, windows, dotfiles)
  if (target._tag === "Refusal") return refuse(Refusal.ofTarget(target))
  const request = requestOf(head, target)
  const refusal = UploadRules.checkRequest(request, to.rules)
  if (refusal !== undefined) return refuse(refusal)
  const receiver = new FileReceiver(to, head.headers, response.commit)
  if (request.name === undefined) receiveForm(request, receiver, body, response)
  else receiveFile(request, request.name, receiver, body, response)
  response.whenCancelled(() => receiver.cancel())
  return response.cancel
}

const receiveFile = (
  { folder }: UploadRules.UploadRequest,
  name: string,
  receiver: FileReceiver,
  body: Body.Body,
  response: UploadReply,
): void => {
  void receiver.receive(folder, name, body).then((outcome) => {
    if (typeof outcome !== "string") return response.refuse(outcome)
    response.succeed(outcome === "created" ? 201 : 204)
  })
}

/**
 * Receives the files of a form one after the other; the form waits meanwhile.
 * A refused file does not keep others from being stored; the response names it.
 */
const receiveForm = (
  { folder, headers }: UploadRules.UploadRequest,
  receiver: FileReceiver,
  body: Body.Body,
  response: UploadReply,
): void => {
  const stored: Array<ByteName> = []
  const refusals: Array<Refusal.Refusal> = []
  let queue: Promise<void> = Promise.resolve()

  const receivePart = async (sentName: ByteName, part: Body.Body): Promise<void> => {
    const name = UploadName.withoutFolders(sentName)
    // A form without a chosen file has a part without a name.
    if (response.isDone || name === "") return part.discard()
    // Phones give all their photos one name: the second must not replace the first, even where it may.
    if (stored.includes(name)) {
      part.discard()
      refusals.push(Refusal.ofFile({ _tag: "Exists" }, name, undefined))
      return
    }
    const outcome = await receiver.receive(folder, name, part)
    if (typeof outcome === "string") stored.push(name)
    else refusals.push(outcome)
  }

  const close = FormParts.read(headers, body, {
    file: (name, part) => {
      queue = queue.then(() => receivePart(name, part))
    },
    end: () => {
      queue = queue.then(() => {
        const refusal = Refusal.ofForm(refusals, stored)
        if (refusal === undefined) response.succeed(303)
        else response.refuse(refusal)
      })
    },
    fail: (reason) => {
      queue = queue.then(() =>
        response.refuse(
          reason === "invalid"
            ? Refusal.brokenForm(stored)
            : Refusal.longForm(FormParts.maxParts, stored),
        ),
      )
    },
  })
  response.whenCancelled(close)
}
