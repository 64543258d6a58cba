/**
 * A request for a folder, and the ways to answer it with something that was
 * made for it, or is made while it is sent.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { PushedBody } from "../../transport/body/PushedBody.ts"
import * as Page from "../../web/Page.ts"
import type { FolderForm } from "../listing/FolderForm.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as CompressedPage from "../send/CompressedPage.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import { pageHeaders, type Site } from "./Site.ts"

/** See the head of this file. */
export interface FolderRequest {
  readonly site: Site
  readonly request: FileRequest
  readonly segments: ReadonlyArray<ByteName>
  /** Whether the address is below `api/`: there is only JSON, so that Accept does not matter. */
  readonly api: boolean
}

const fieldsOf = (form: FolderForm): Headers.HeaderList => {
  switch (form) {
    case "html":
      return pageHeaders(Page.filesPolicy)
    case "json":
      return [["Content-Type", "application/json"]]
    case "plain":
      return [["Content-Type", "text/plain; charset=utf-8"]]
  }
}

/** The header fields of a form of a folder. */
export const headersOf = ({ api }: FolderRequest, form: FolderForm): Headers.HeaderList =>
  api ? fieldsOf(form) : [...fieldsOf(form), ["Vary", "Accept"]]

/** The header fields of a form that is sent while it is made. */
export const streamHeaders = (to: FolderRequest, form: FolderForm): Headers.HeaderList => [
  ...headersOf(to, form),
  ["Cache-Control", "no-cache"],
  ["X-Content-Type-Options", "nosniff"],
]

/** A response that is sent while it is made. */
export interface Stream {
  readonly push: (text: string) => void
  readonly end: () => void
  /** Breaks the response off; `detail` says why. */
  readonly fail: (detail: string) => void
}

/**
 * Begins a response that is sent while it is made.
 *
 * @param heldBytes the memory that it takes at most
 */
export const openStream = (to: FolderRequest, form: FolderForm, heldBytes: number): Stream => {
  const { request, site } = to
  const body = new PushedBody(undefined, { abandon: request.cancel })
  const held = site.folderWork.hold({ body, cancel: () => body.cancel() }, heldBytes)
  request.cancelWith(held)
  request.respond({ status: 200, headers: streamHeaders(to, form) }, held)
  return {
    push: (text) => {
      body.data(Buffer.from(text))
    },
    end: () => body.end([]),
    fail: (detail) => body.fail(new BodyError({ reason: "cut", detail })),
  }
}

/** Sends a folder in this form. What a filter or search found is never compressed, and does not vary by it. */
export const sendForm = (to: FolderRequest, form: FolderForm, bytes: Uint8Array): void => {
  const { request, site } = to
  const { filter, search } = request.query
  if (filter !== "" || search !== "")
    request.sendGenerated(bytes, headersOf(to, form), site.folderWork)
  else CompressedPage.send(request, bytes, headersOf(to, form), site.folderWork)
}
