/**
 * The rules for changes other than uploads: whether visitors may make, rename,
 * move and delete entries of a folder, and replace its files.
 */
import type { ByteName } from "../names/ByteName.ts"
import * as UploadRules from "../uploads/UploadRules.ts"

/** The options for changes. */
export interface ManageOptions {
  /**
   * Patterns of the folders whose entries may be changed, as paths below the
   * shared folder; `.` is the shared folder itself. Default: all folders.
   */
  readonly folders?: ReadonlyArray<string> | undefined
  /** Whether a visitor may change the entries of a folder, besides the patterns. Default: of every one. */
  readonly within?: ((folder: ReadonlyArray<ByteName>) => boolean) | undefined
  /** The largest file, in bytes. Default: no limit, or that of uploads. */
  readonly maxBytes?: number | undefined
}

/** The compiled options. */
export interface ManageRules {
  /** Whether the entries of a folder may be changed. */
  readonly allows: (folder: ReadonlyArray<ByteName>) => boolean
  readonly maxBytes: number | undefined
}

/** Compiles the options. */
export const make = (options: ManageOptions): ManageRules => ({
  allows: UploadRules.folderMatcher(options),
  maxBytes: options.maxBytes,
})
