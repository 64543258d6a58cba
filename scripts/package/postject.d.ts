/**
 * The part of postject that is used here; it comes without types.
 */
declare module "postject" {
  /** Writes a resource into a program's file. */
  export const inject: (
    file: string,
    name: string,
    data: Buffer,
    options: { readonly sentinelFuse: string; readonly machoSegmentName?: string },
  ) => Promise<void>
}
