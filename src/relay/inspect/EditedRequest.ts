/**
 * A recorded request as an administrator has edited it. The administrator sees
 * `***` for each secret; where that was left as it is, the relay puts back what
 * was sent, so that the secret never leaves it.
 */
import * as Result from "effect/Result"
import { first, type Header, type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import { isMethod, isTarget, type RequestHead } from "../../protocol/Message.ts"
import type { Inspected, OriginalRequest, Recording } from "./Recording.ts"
import { mask } from "./Redaction.ts"
import * as RestoredBody from "./RestoredBody.ts"
import * as ShownBody from "./ShownBody.ts"

/** What an administrator wants to send. */
export interface Edited {
  readonly method: string
  readonly target: string
  readonly headers: HeaderList
  /** `undefined`: the body as it was sent. */
  readonly body: string | undefined
}

/** Fields that follow from the body, besides those of one connection. */
const bodyFields: ReadonlySet<string> = new Set(["content-length", "expect", "trailer"])

/** Whether a part of a target has a secret's mask as a value or as a segment of the path. */
const isMasked = (part: string): boolean => /[=/]\*\*\*(?=$|[/;])/.test(part)

/** The path of a target, and the pairs of its query. */
const partsOf = (target: string): ReadonlyArray<string> => {
  const mark = target.indexOf("?")
  return mark < 0 ? [target] : [target.slice(0, mark), ...target.slice(mark + 1).split("&")]
}

/** The target with the values that were sent, each used once; `undefined` if a secret has only its mask. */
const restoredTarget = (
  text: string,
  shownTarget: string,
  original: string | undefined,
): string | undefined => {
  if (text === shownTarget && original !== undefined) return original
  const sentParts = original === undefined ? [] : partsOf(original)
  const masked = partsOf(shownTarget).flatMap((part, i) =>
    isMasked(part) ? [[part, sentParts[i]] as const] : [],
  )
  let isLost = false
  const [path = "", ...pairs] = partsOf(text).map((part) => {
    const index = masked.findIndex(([name]) => name === part)
    const sent = index < 0 ? undefined : masked.splice(index, 1)[0]?.[1]
    if (sent === undefined && isMasked(part)) isLost = true
    return sent ?? part
  })
  if (isLost) return undefined
  return text.includes("?") ? `${path}?${pairs.join("&")}` : path
}

/** The fields with the values that were sent, each used once; `lost` is the first that has only its mask. */
const restoredFields = (
  edited: HeaderList,
  shown: HeaderList,
  original: HeaderList | undefined,
): { readonly headers: HeaderList; readonly lost: string | undefined } => {
  const unused = shown.map(([name, value], i) => ({ name, value, sent: original?.[i]?.[1] }))
  let lost: string | undefined
  const headers = edited.map(([name, value]): Header => {
    const index = unused.findIndex(
      (one) => one.name.toLowerCase() === name.toLowerCase() && one.value === value,
    )
    const sent = index < 0 ? undefined : unused.splice(index, 1)[0]?.sent
    if (sent === undefined && value.includes(mask)) lost ??= name
    return [name, sent ?? value]
  })
  return { headers, lost }
}

/** What is wrong with the head; `undefined` if it can be sent. */
const headProblem = ({ headers, method, target }: Omit<Edited, "body">): string | undefined => {
  if (!isMethod(method)) return "the method is not a token"
  if (!isTarget(target)) return "the path has to begin with / and cannot have blanks"
  const illegal = headers.find(([name, value]) => !isName(name) || !isValue(value))
  return illegal === undefined ? undefined : `the field ${JSON.stringify(illegal[0])} is not valid`
}

/** The head to send, or why it cannot be sent. */
const headOf = (
  shown: Inspected,
  original: RequestHead | undefined,
  { headers: fields, method, target: text }: Edited,
): Result.Result<RequestHead, string> => {
  const target = restoredTarget(text, shown.target, original?.target)
  if (target === undefined)
    return Result.fail(`the path has ${mask} where a secret was; write the secret there`)
  const { headers, lost } = restoredFields(fields, shown.headers, original?.headers)
  if (lost !== undefined)
    return Result.fail(
      `the field ${lost} has ${mask} where a secret was; write the secret there, or remove the field`,
    )
  const sent = HopByHop.strip(headers).filter(([name]) => !bodyFields.has(name.toLowerCase()))
  const head = { method, target, headers: sent }
  const problem = headProblem(head)
  return problem === undefined ? Result.succeed(head) : Result.fail(problem)
}

/** An edited body, with the secrets that were sent where it has their masks; `undefined` if one is lost. */
const writtenBody = (
  text: string,
  shownText: string | undefined,
  original: OriginalRequest | undefined,
  head: RequestHead,
): string | undefined => {
  if (shownText?.includes(mask) !== true || !text.includes(mask)) return text
  if (original === undefined) return undefined
  const sentHeaders = original.head.headers
  const sentText = ShownBody.textOfBody(original.body, sentHeaders)
  if (sentText === undefined) return undefined
  const types = [sentHeaders, head.headers].map((headers) => first(headers, "content-type") ?? "")
  const edited = shownText.includes("\r\n") ? text : unified(text)
  return RestoredBody.restore(edited, shownText, sentText, types)
}

/** The body to send, or why it cannot be sent; `isNew` if it was edited. */
const bodyOf = (
  recording: Recording,
  original: OriginalRequest | undefined,
  head: RequestHead,
  text: string | undefined,
): Result.Result<{ readonly body: Uint8Array; readonly isNew: boolean }, string> => {
  const shownBody = recording.shownBody()
  const shownText = shownBody.form === "text" ? Buffer.from(shownBody.bytes).toString() : undefined
  const isNew =
    text !== undefined && (shownText === undefined || unified(text) !== unified(shownText))
  if (isNew) {
    const written = writtenBody(text, shownText, original, head)
    return written === undefined
      ? Result.fail(`the body has ${mask} where secrets were; write the secrets there`)
      : Result.succeed({ body: Buffer.from(written), isNew })
  }
  if (original === undefined && shownBody.length > 0)
    return Result.fail("the body that was sent is not there any more; write it again")
  return Result.succeed({ body: original?.body ?? new Uint8Array(0), isNew })
}

/** The request to send, or why it cannot be sent. */
export const complete = (
  recording: Recording,
  edited: Edited,
): Result.Result<OriginalRequest, string> => {
  const original = recording.originalRequest()
  return Result.flatMap(headOf(recording.read(), original?.head, edited), (head) =>
    Result.map(bodyOf(recording, original, head, edited.body), ({ body, isNew }) => {
      const headers = isNew ? head.headers.filter(([name]) => !isEncoding(name)) : head.headers
      const hasBody = body.length > 0 || recording.body.length > 0
      const length: HeaderList = hasBody ? [["Content-Length", `${body.length}`]] : []
      return { head: { ...head, headers: [...headers, ...length] }, body }
    }),
  )
}

/** An edited body has no content coding. */
const isEncoding = (name: string): boolean => name.toLowerCase() === "content-encoding"

/** Browsers send the lines of a text field with CRLF, whatever they were. */
const unified = (text: string): string => text.replaceAll("\r\n", "\n")
