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
  path: "Path",
  columns: { name: "Name", type: "Type", size: "Size", time: "Changed" },
  zone: " (UTC)",
  orders: {
    name: { asc: "Name, A to Z", desc: "Name, Z to A" },
    type: { asc: "Type, A to Z", desc: "Type, Z to A" },
    size: { asc: "Smallest first", desc: "Largest first" },
    time: { asc: "Oldest first", desc: "Newest first" },
  },
  actions: "Actions",
  parent: "Parent folder",
  empty: "This folder is empty.",
  emptyHint: "Add files with Upload.",
  emptyDropHint: "They can also be dropped here.",
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
  pagesBelow: "Pages, below",
  page: (n: number): string => `Page ${n}`,
  previous: "Previous",
  next: "Next",
  names: "Names",
  filter: "Filter",
  filterOrSearch: "Filter or search",
  search: "Search",
  searchLabel: "Search this folder and all folders below it",
  tools: "This folder",
  showTable: "Show as a table",
  showGrid: "Show as a grid",
  sort: "Sort",
  downloadMenu: "Download",
  downloadZip: "Download all as .zip",
  downloadTar: "Download all as .tar",
  commandLine: "From a command line:",
  more: "More",
  copyLink: "Copy the link",
  share: "Share link…",
  sizes: "Sizes of folders",
  keys: "Keys",
  tree: "Tree of folders",
  play: "Play all",
  choose: "Choose entries…",
  chooseHint: "Choose entries.",
  chooseAll: "All",
  chooseEnd: "Done",
  chooseEntry: (name: string): string => `Choose ${name}`,
  copyLinks: "Copy links",
  downloadChosen: "Download as .zip",
  upload: "Upload",
  chooseFiles: "Choose files, or drop them on this page:",
  chooseFolder: "Choose a folder",
  dropHint: "Files and folders can also be dropped anywhere on this page.",
  readme: "README",
  qrCode: "QR code",
} as const

/**
 * A link to the nearest folder above something that does not exist.
 *
 * @param path below the shared folder, without a slash at its end
 */
export const nearestFolder = (path: string): string =>
  path === "" ? "All files" : `Nearest folder: ${path}/`

/** The sizes of the folders in a folder. */
export const sizes = {
  title: (folder: string): string => `Sizes in ${folder}/`,
  caption: "Folders",
  back: "Folder",
  files: "Files",
  counting: "Counting…",
  notCounted: "–",
  atLeast: (counted: string): string => `≥ ${counted}`,
  total: (folders: number, files: number, size: string): string =>
    `${counted(folders, "folder", "folders")}, ${counted(files, "file", "files")}, ${size} in all`,
  cutShort: "There may be more: something could not be read, or there was too much to count.",
} as const

/** The result of a search. */
export const search = {
  title: (text: string, folder: string): string => `${text} in ${folder}/`,
  label: "Search for",
  kind: "Kind",
  allKinds: "All kinds",
  inText: "In texts, too",
  results: "Results",
  none: "Nothing was found.",
  noneHint: "Try a part of the name, or “In texts, too”.",
  noneInTextHint: "Try other words.",
  line: (n: number): string => `Line ${count(n)}`,
  searching: "Searching…",
  page: (n: number, pages: number | undefined): string =>
    pages === undefined ? `Page ${count(n)}` : `Page ${count(n)} of ${count(pages)}`,
  matchesMore: (n: number): string => `More than ${count(n)} entries contain this text.`,
  matchesAtLeast: (n: number): string =>
    `At least ${counted(n, "entry contains", "entries contain")} this text.`,
  matches: (n: number, inText: boolean): string =>
    inText
      ? `${counted(n, "entry contains", "entries contain")} this text.`
      : `${counted(n, "name contains", "names contain")} this text.`,
  back: "Back to the folder",
  cutShort: (n: number): string =>
    `There may be more: the search stopped after ${counted(n, "name", "names")}.`,
} as const

/** The page that shows a file. */
export const view = {
  tools: "This file",
  near: "Nearby",
  previous: "Previous",
  next: "Next",
  folder: "Folder",
  open: "Open the file",
  download: (size: string): string => `Download (${size})`,
  info: "Information",
  type: "Type",
  size: "Size",
  changed: "Changed",
  dimensions: "Dimensions",
  taken: "Taken",
  camera: "Camera",
  exposure: "Exposure",
  compute: "Compute",
  slides: "Slideshow",
  full: "Full screen",
  playFrom: "Play the folder from here",
  wrap: "Wrap lines",
  copy: "Copy",
  part: (n: number, parts: number): string => `Part ${count(n)} of ${count(parts)}`,
  firstPart: "Beginning",
  previousPart: "Previous part",
  nextPart: "Next part",
  lastPart: "End",
  arranged: "This is easier to read than the file itself.",
  asText: "Show the file as it is",
  table: "The table in this file",
  row: "Row",
  tableCutShort: "This page shows only the beginning of the table.",
  noImage: "This browser cannot show this picture. It can be downloaded.",
  noMedia: "This browser cannot play this file. It can be downloaded.",
  turnsDirection:
    "This file contains characters that change the writing direction, so that code may not be what it looks like.",
  noPdf: "This browser does not show PDFs in pages.",
  notViewable: "Files of this kind cannot be shown here.",
  notText: "This file is not text.",
  emptyFile: "This file is empty.",
} as const
