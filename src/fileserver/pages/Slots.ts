/**
 * Places in the pages for actions that change files. What is `undefined` takes
 * no room. To add an action, return its markup here; its script is a part of
 * `web/Script.ts`.
 *
 * Where they are: `toolbar` in the toolbar of a folder, before *Download*;
 * `more` at the top of its menu *More* (items `<li>`); `chosen` in the bar that
 * acts on chosen entries (the form posts `entry`); `row` in the last column of
 * an entry, before *Download*; `view` in the bar of the page that shows a file.
 */
import type { Html } from "../../web/Html.ts"
import type { ByteName } from "../names/ByteName.ts"
import type { Entry } from "../root/Folder.ts"
import type { Site } from "./Site.ts"
import { uploadMenu } from "./UploadMenu.ts"

/** The actions of a folder's page. */
export interface FolderSlots {
  readonly toolbar: Html | undefined
  readonly more: Html | undefined
  readonly chosen: Html | undefined
  /** Whether rows have more than one action, so that their column is wide. */
  readonly hasRowActions: boolean
  readonly row: (entry: Entry) => Html | undefined
}

/** The actions of a folder. */
export const ofFolder = (site: Site, segments: ReadonlyArray<ByteName>): FolderSlots => {
  const rules = site.uploadRules?.allows(segments) === true ? site.uploadRules : undefined
  return {
    toolbar: rules && uploadMenu({ overwrite: rules.overwrites(segments) }),
    more: undefined,
    chosen: undefined,
    hasRowActions: false,
    row: () => undefined,
  }
}

/** The actions of a file. */
export const ofFile = (_site: Site, _segments: ReadonlyArray<ByteName>): Html | undefined =>
  undefined
