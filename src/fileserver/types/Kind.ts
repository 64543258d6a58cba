/**
 * Kinds of files as people tell them apart. A kind decides the label and the
 * icon in a listing and how a page shows the file. A new kind is one row here.
 */
import { type Html, html } from "../../web/Html.ts"

/** How a page shows a file; `none` if it only links to it. */
export type Viewer = "image" | "video" | "audio" | "pdf" | "markdown" | "code" | "none"

interface Description {
  /** Shown in listings, also read by screen readers in place of the icon. */
  readonly label: string
  readonly viewer: Viewer
  /** SVG shapes in a box of 24 by 24. */
  readonly icon: Html
}

const sheet = html`<path d="M6 3h8l4 4v14H6zM14 3v4h4"/>`
const lines = html`${sheet}<path d="M9 12h6M9 15h6M9 18h4"/>`

/** All kinds. */
export const kinds = {
  folder: {
    label: "Folder",
    viewer: "none",
    icon: html`<path d="M3 6.5h6l2 2.5h10v10H3z"/>`,
  },
  image: {
    label: "Image",
    viewer: "image",
    icon: html`<path d="M4 5h16v14H4zM4 16l4.5-4.5 4 4L16 12l4 4"/><circle cx="15.5" cy="8.75" r="1.25"/>`,
  },
  video: {
    label: "Video",
    viewer: "video",
    icon: html`<path d="M3 6h12v12H3zM15 10.5 21 7v10l-6-3.5z"/>`,
  },
  audio: {
    label: "Audio",
    viewer: "audio",
    icon: html`<path d="M9 17.5V6l10-2v11.5"/><circle cx="6.5" cy="17.5" r="2.5"/><circle cx="16.5" cy="15.5" r="2.5"/>`,
  },
  markdown: { label: "Document", viewer: "markdown", icon: lines },
  code: {
    label: "Code",
    viewer: "code",
    icon: html`<path d="m8 7-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14"/>`,
  },
  text: { label: "Text", viewer: "code", icon: lines },
  pdf: {
    label: "PDF",
    viewer: "pdf",
    icon: html`${sheet}<path d="M9 18v-5h1.5a1.5 1.5 0 0 1 0 3H9"/>`,
  },
  archive: {
    label: "Archive",
    viewer: "none",
    icon: html`<path d="M4 8h16v12H4zM4 8l2-4h12l2 4M12 4v9M10 13h4v3h-4z"/>`,
  },
  file: { label: "File", viewer: "none", icon: sheet },
} as const satisfies Readonly<Record<string, Description>>

/** The name of a row of {@link kinds}. */
export type Kind = keyof typeof kinds

/** Whether there is a page that shows files of this kind. */
export const isViewable = (kind: Kind): boolean => kinds[kind].viewer !== "none"

/**
 * What a visitor looks at one after the other: pictures with films, as cameras store them, and all
 * texts; other kinds by themselves.
 */
export const seriesOf = (kind: Kind): string => {
  const { viewer } = kinds[kind]
  if (viewer === "image" || viewer === "video") return "stage"
  return viewer === "none" ? kind : viewer === "markdown" ? "code" : viewer
}

/** Whether a page shows the text of files of this kind, so that they have to be read. */
export const isText = (kind: Kind): boolean => {
  const { viewer } = kinds[kind]
  return viewer === "markdown" || viewer === "code"
}
