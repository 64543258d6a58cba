/**
 * The other forms of a file, by the parameters of its address: a thumbnail, its
 * digest, subtitles as WebVTT, a picture in a notebook's output.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import * as Notebook from "../views/Notebook.ts"
import * as Subtitles from "../views/Subtitles.ts"
import * as TextDecoding from "../views/TextDecoding.ts"
import * as FileViews from "./FileViews.ts"
import type { Site } from "./Site.ts"

/** The largest notebook and the largest file of subtitles that are read, in bytes. */
const maxNotebook = 32 * 1024 * 1024
const maxSubtitles = 4 * 1024 * 1024

const sandbox: Headers.Header = ["Content-Security-Policy", "default-src 'none'; sandbox"]
const webVtt: Headers.HeaderList = [["Content-Type", "text/vtt; charset=utf-8"]]

/** Whether a request is for a form of a file other than the file itself. */
export const isAsked = ({ query }: FileRequest): boolean =>
  query.view || query.thumb !== undefined || query.sha256 || query.vtt || query.output !== undefined

/** Reads a text of bounded size and closes it; answers the request if there is none. */
const withText = (
  request: FileRequest,
  { handle, stats }: Root.OpenFile,
  most: number,
  use: (text: string) => void,
): void => {
  const fail = (): void =>
    request.fail("PTTH_NOT_FOUND", "There is nothing of this kind in the file.")
  const size = Number(stats.size)
  if (size > most) {
    Root.close(handle)
    return fail()
  }
  FileBody.readAll(handle, 0, size, (_error, bytes) => {
    Root.close(handle)
    const text = bytes === undefined ? undefined : TextDecoding.decode(bytes)
    if (text === undefined) fail()
    else use(text)
  })
}

/** Sends the form of a file that is asked for, and closes the file. */
export const send = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  file: Root.OpenFile,
): void => {
  const { output, sha256, thumb, vtt } = request.query
  if (thumb === 0) {
    Root.close(file.handle)
    return request.fail("PTTH_BAD_REQUEST", "Thumbnails have 160, 320 or 640 pixels.")
  }
  if (thumb !== undefined)
    return site.thumbs.send(request, [...site.base, ...segments], thumb, file)
  if (sha256) return site.digests.send(request, file)
  if (vtt) {
    return withText(request, file, maxSubtitles, (text) =>
      request.sendGenerated(Buffer.from(Subtitles.toWebVtt(text)), webVtt),
    )
  }
  if (output !== undefined) {
    return withText(request, file, maxNotebook, (text) => {
      const picture = Notebook.outputOf(text, output)
      if (picture === undefined) {
        return request.fail("PTTH_NOT_FOUND", "The notebook has no such output.")
      }
      request.sendGenerated(picture.bytes, [["Content-Type", picture.type], sandbox])
    })
  }
  FileViews.send(site, request, segments, file)
}
