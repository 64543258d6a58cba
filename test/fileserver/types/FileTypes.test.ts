/** The media type and kind of a file by its name, and which kinds have a page. */
import { assert, describe, it } from "@effect/vitest"
import { fromText } from "../../../src/fileserver/names/ByteName.ts"
import * as FileTypes from "../../../src/fileserver/types/FileTypes.ts"
import * as Kind from "../../../src/fileserver/types/Kind.ts"

describe("the type of a file", () => {
  it.each([
    ["photo.jpg", "image/jpeg", "image"],
    ["PHOTO.JPG", "image/jpeg", "image"],
    ["icon.ico", "image/vnd.microsoft.icon", "image"],
    ["film.mkv", "video/matroska", "video"],
    ["song.flac", "audio/flac", "audio"],
    ["README.md", "text/markdown", "markdown"],
    ["notes.mkd", "text/markdown", "markdown"],
    ["paper.pdf", "application/pdf", "pdf"],
    ["files.tar", "application/x-tar", "archive"],
    ["files.zip", "application/zip", "archive"],
    ["files.tar.gz", "application/gzip", "archive"],
    ["README", "text/plain", "text"],
    ["yarn.lock", "text/plain", "text"],
    ["Makefile", "text/plain", "code"],
    ["main.rs", "text/plain", "code"],
    ["index.html", "text/html", "code"],
    ["data.json", "application/json", "code"],
    ["feed.atom", "application/atom+xml", "code"],
    ["module.ts", "text/plain", "code"],
    ["été.txt", "text/plain", "text"],
    ["a.", "application/octet-stream", "file"],
    ["go", "application/octet-stream", "file"],
    ["", "application/octet-stream", "file"],
    ["program.exe", "application/octet-stream", "file"],
  ] as const)("%j is %s, of the kind %s", (name, mediaType, kind) => {
    assert.strictEqual(FileTypes.mediaTypeOf(fromText(name)), mediaType)
    assert.strictEqual(FileTypes.kindOf(fromText(name)), kind)
  })

  it.each([
    ["run.zsh", "bash"],
    ["Makefile", "makefile"],
    ["module.tsx", "typescript"],
    ["data.json", "json"],
    ["style.CSS", "css"],
  ])("%s is highlighted as %s", (name, language) => {
    assert.strictEqual(FileTypes.languageOf(name), language)
  })

  it("is that of a folder, whatever the folder's name", () => {
    assert.strictEqual(FileTypes.kindOfEntry({ name: "photo.jpg", folder: true }), "folder")
  })
})

describe("the kinds", () => {
  it("that are read to be shown have a page", () => {
    for (const kind of Object.keys(Kind.kinds) as ReadonlyArray<Kind.Kind>) {
      assert.isTrue(Kind.isViewable(kind) || !Kind.isText(kind), kind)
    }
  })

  it.each(["folder", "archive", "file"] as const)("have no page for %s", (kind) => {
    assert.isFalse(Kind.isViewable(kind))
  })
})
