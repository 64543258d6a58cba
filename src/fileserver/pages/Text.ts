/**
 * The texts on the file server's pages, in one place.
 */

const count = (n: number): string => n.toLocaleString("en")

const counted = (n: number, one: string, many: string): string =>
  `${count(n)} ${n === 1 ? one : many}`

/** The page at the top. */
export const top = {
  title: "PTTH file server",
  introduction: "This is a PTTH file server. It shares one folder, for reading only.",
  introductionWithUploads:
    "This is a PTTH file server. It shares one folder; files may be uploaded to it.",
  browse: "Browse the files",
  json: "Programs can read any folder as JSON:",
  status: "Status",
  since: "Running since",
  requests: "Requests",
  sent: "Sent",
  memory: "Memory",
  prometheus: "Prometheus reads",
} as const

/** The page of a folder. */
export const listing = {
  /** The name of the shared folder. */
  root: "files",
  path: "Path",
  columns: { name: "Name", type: "Type", size: "Size", time: "Changed (UTC)" },
  parent: "Parent folder",
  empty: "This folder is empty.",
  noMatch: "No name contains this text.",
  download: (name: string): string => `Download ${name}`,
  viewSource: (name: string): string => `View the source of ${name}`,
  sortBy: "Sort by",
  bytes: (n: number): string => `${n} bytes`,
  folders: (n: number): string => counted(n, "folder", "folders"),
  files: (n: number): string => counted(n, "file", "files"),
  ofTotal: (total: number): string => ` (of ${count(total)})`,
  onThisPage: (first: number, last: number): string =>
    `; ${count(first)} to ${count(last)} are on this page`,
  pages: "Pages",
  page: (n: number): string => `Page ${n}`,
  previous: "Previous",
  next: "Next",
  names: "Names",
  filter: "Filter",
  filterByName: "Filter by name",
  foldersBelow: "Folders below",
  search: "Search",
  searchLabel: "Search this folder and all folders below it",
  searchPlaceholder: "Search all folders below",
  tools: "This folder",
  showTable: "Show as a table",
  showGrid: "Show as a grid",
  downloadZip: "Download all as .zip",
  downloadTar: ".tar",
  upload: "Upload",
  chooseFiles: "Choose files, or drop them on this page:",
  readme: "README",
  qrCode: "QR code",
} as const

/** The result of a search. */
export const search = {
  title: (text: string, folder: string): string => `${text} in ${folder}/`,
  in: "in",
  matches: (n: number): string => `${counted(n, "name contains", "names contain")} this text.`,
  back: "Back to the folder",
  name: "Name",
  size: "Size",
  cutShort: (n: number): string => `There may be more: the search stopped after ${n} names.`,
} as const

/** The page that shows a file. */
export const view = {
  tools: "This file",
  previous: "Previous",
  next: "Next",
  folder: "Folder",
  open: "Open the file",
  download: (size: string): string => `Download (${size})`,
  noImage: "This browser cannot show this picture. It can be downloaded.",
  noMedia: "This browser cannot play this file. It can be downloaded.",
  turnsDirection:
    "This file contains characters that turn the writing direction, so that code may not be what it looks like.",
  noPdf: "This browser does not show PDFs in pages.",
  notViewable: "Files of this kind cannot be shown here.",
  tooLarge: "This file is too large to be shown here.",
  notText: "This file is not text.",
} as const
