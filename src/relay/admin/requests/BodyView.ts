/**
 * A recorded body on a page: text, indented if it is JSON, a picture, or a list
 * of the parts of a form. A body that was cut says so.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { first, type HeaderList } from "../../../domain/HeaderList.ts"
import type { ShownBody } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { FormPartList } from "../../inspect/FormParts.ts"
import * as RedactSecrets from "../../inspect/RedactSecrets.ts"
import { maxShown } from "../../inspect/ShownBody.ts"
import * as JsonIndent from "./JsonIndent.ts"

/** All of the text of a body that is one, with its secrets masked. */
export const wholeText = (body: ShownBody, headers: HeaderList): string | undefined =>
  body.isPart || body.recorded < body.length ? undefined : textOf(body, headers)

const textOf = ({ bytes, form }: ShownBody, headers: HeaderList): string | undefined =>
  form === "text"
    ? RedactSecrets.body(Buffer.from(bytes).toString("utf8"), typeOf(headers))
    : undefined

const typeOf = (headers: HeaderList): string => first(headers, "content-type") ?? ""

/** Size, coding, and what is missing. */
const factsOf = ({ encoding, form, length, recorded }: ShownBody): string =>
  [
    Format.bytes(length),
    ...(encoding === "" ? [] : [`encoded as ${encoding}`]),
    ...(form === "binary" ? ["binary"] : []),
    ...(recorded < length
      ? [
          recorded === 0
            ? "no longer kept"
            : `cut: only the first ${Format.bytes(recorded)} are recorded`,
        ]
      : []),
  ].join(", ")

const partTable = (bytes: Uint8Array): Html => {
  const parts = Schema.decodeUnknownOption(FormPartList)(Buffer.from(bytes).toString("utf8"))
  return Option.match(parts, {
    onNone: () => html``,
    onSome: (list) =>
      table({
        caption: "Parts of the form",
        columns: ["Name", "File", "Type", "Size", "Text"],
        rows: list.map(({ file, length, name, text, type }, i) => ({
          id: `part-${i}`,
          cells: [
            html`${name}`,
            html`${file === "" ? "–" : file}`,
            html`${type === "" ? "–" : type}`,
            html`${Format.bytes(length)}`,
            html`${text === undefined ? "–" : html`<code>${text}</code>`}`,
          ],
        })),
      }),
  })
}

const textView = (text: string, type: string, isPart: boolean): Html =>
  html`<pre class="wrap" tabindex="0">${JsonIndent.isJson(text, type) ? JsonIndent.indent(text) : text}</pre>${
    isPart
      ? html`<p class="faint">Only the first ${Format.bytes(maxShown)} are shown.</p>`
      : undefined
  }`

/**
 * What a page shows of a body.
 *
 * @param picture the address of the body, if it is a picture
 */
export const render = (body: ShownBody, headers: HeaderList, picture: string): Html => {
  if (body.form === "none") return html`<p class="faint">no body</p>`
  const facts = html`<p class="faint">${factsOf(body)}</p>`
  const text = textOf(body, headers)
  if (text !== undefined) return html`${facts}${textView(text, typeOf(headers), body.isPart)}`
  if (body.form === "image")
    return html`${facts}<p class="picture"><img src="${picture}" alt="The body of this message"></p>`
  if (body.form === "parts") return html`${facts}${partTable(body.bytes)}`
  return facts
}
