/**
 * The texts of the pages on which people change files.
 */

/** See the head of this file. */
export const text = {
  newFolder: "New folder",
  name: "Name",
  make: "Make folder",
  newText: "New text",
  newTextHint: "With its ending, such as notes.md.",
  makeText: "Make text",
  bin: "Bin",
  change: (name: string): string => `Change ${name}`,
  changeTitle: "Rename, move, delete",
  rename: "Rename",
  newName: "New name",
  move: "Move",
  copy: "Copy",
  toFolder: "To the folder",
  toFolderHint: "A path from the top, such as /photos/2024.",
  remove: "Delete",
  removeHint: (days: number): string => `It goes to the bin, and can be put back for ${days} days.`,
  edit: "Edit",
  editTitle: (name: string): string => `Edit ${name}`,
  content: "Text",
  save: "Save",
  back: "Back to the folder",
  notText: "Only texts in UTF-8 of at most 1 MiB can be edited here.",
  binEmpty: "The bin is empty.",
  binHint: (days: number): string =>
    `What was deleted is kept for ${days} days, as long as there is room.`,
  emptyBin: "Empty the bin…",
  emptyBinHint: (entries: number, size: string): string =>
    `${entries === 1 ? "One entry" : `${entries} entries`} (${size}) will be deleted for good. That cannot be undone.`,
  erase: "Delete for good",
  deletedAt: "Deleted",
  from: "From",
  restore: "Put back",
  restoreOne: (name: string): string => `Put ${name} back`,
  deleted: (count: number): string =>
    count === 1 ? "One entry was deleted." : `${count} entries were deleted.`,
  undo: "Undo",
  moveChosen: "Move",
  deleteChosen: "Delete",
  signIn: "Sign in",
  signOut: (user: string): string => `Sign out ${user}`,
} as const
