/**
 * The flags of `ptth fileserver`.
 */
import type * as Option from "effect/Option"
import type { RowFlags } from "./Flags.ts"

/** The values of the flags. */
export interface FileServerFlags {
  /** The flags of `fileKeys`. */
  readonly files: RowFlags
  readonly folder: Option.Option<string>
  readonly listen: Option.Option<string>
  readonly allowedHosts: Option.Option<string>
  readonly relay: Option.Option<string>
  readonly name: Option.Option<string>
  readonly transport: Option.Option<string>
  readonly ca: Option.Option<string>
  readonly noWait: boolean
  readonly insecure: boolean
  readonly auth: Option.Option<string>
  readonly fileServerRoot: Option.Option<string>
  readonly assetRoot: Option.Option<string>
  readonly qr: boolean
}
