/**
 * The other forms of a file, by the parameters of its address: a thumbnail, its
 * digest, subtitles as WebVTT, a picture in a notebook's output.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import * as Decision from "../http/Decision.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import type { FileRequest } from "../send/FileRequest.ts"
import type { Leave } from "../send/FolderWork.ts"
import * as Notebook from "../views/Notebook.ts"
import * as Subtitles from "../views/Subtitles.ts"
import * as TextContent from "../views/TextContent.ts"
import * as FileViews from "./FileViews.ts"
import type { Site } from "./Site.ts"

/** The largest notebook and the largest file of subtitles that are read, in bytes. */
const maxNotebook = 32 * 1024 * 1024
const maxSubtitles = 4 * 1024 * 1024

const webVtt: Headers.HeaderList = [["Content-Type", "text/vtt; charset=utf-8"]]

/** Reads a text of bounded size and closes it; answers the request if there is none. */
const withText = (
  request: FileRequest,
  { handle, stats }: Root.OpenFile,
  most: number,
  leave: Leave,
  use: (text: string) => void,
): void => {
  const give = (text: string | undefined): void => {
    Root.close(handle)
    if (text !== undefined) use(text)
    else request.fail("PTTH_NOT_FOUND", "There is nothing of this kind in the file.")
    leave()
  }
  const size = Number(stats.size)
  if (size > most) give(undefined)
  else TextContent.read({ handle, size }, give)
}

/** Sends a form that is made from what is in the file, and closes the file. */
const sendRead = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  file: Root.OpenFile,
  leave: Leave,
): void => {
  const { output, vtt } = request.query
  if (vtt) {
    return withText(request, file, maxSubtitles, leave, (text) =>
      request.sendGenerated(Buffer.from(Subtitles.toWebVtt(text)), webVtt, site.folderWork),
    )
  }
  if (output !== undefined) {
    return withText(request, file, maxNotebook, leave, (text) => {
      const picture = Notebook.outputOf(text, output)
      if (picture === undefined) {
        return request.fail("PTTH_NOT_FOUND", "The notebook has no such output.")
      }
      const headers: Headers.HeaderList = [["Content-Type", picture.type], Decision.isolated]
      request.sendGenerated(picture.bytes, headers, site.folderWork)
    })
  }
  FileViews.send(site, request, segments, file, leave)
}

/** Sends the form of a file that is asked for, and closes the file. */
export const send = (
  site: Site,
  request: FileRequest,
  segments: ReadonlyArray<ByteName>,
  file: Root.OpenFile,
): void => {
  const { sha256, thumb } = request.query
  if (thumb === 0) {
    Root.close(file.handle)
    return request.fail("PTTH_BAD_REQUEST", "Thumbnails have 160, 320 or 640 pixels.")
  }
  if (thumb !== undefined)
    return site.thumbs.send(request, [...site.base, ...segments], thumb, file)
  if (sha256) return site.digests.send(request, file)
  site.folderWork.enter({
    isCancelled: request.isCancelled,
    refuse: () => {
      Root.close(file.handle)
      request.failCrowded()
    },
    start: (leave) => {
      if (!request.isCancelled()) return sendRead(site, request, segments, file, leave)
      Root.close(file.handle)
      leave()
    },
  })
}
