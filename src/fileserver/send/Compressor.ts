/**
 * Compresses what is sent, a limited number of responses at the same time;
 * further ones are sent uncompressed.
 */
import type { Body } from "../../transport/body/Body.ts"
import type { Coding } from "../http/ContentCoding.ts"
import * as CompressedBody from "./CompressedBody.ts"

/** Bytes below which nothing is compressed. */
const minCompressed = 1024
/** Bytes up to which something is compressed before it is sent, so that Content-Length is known. */
export const maxInMemory = 128 * 1024
/** How many responses are compressed at the same time. */
const maxRunning = 16

/** See the head of this file. */
export class Compressor {
  private running = 0

  /** Whether a response of so many bytes may be compressed now. */
  accepts(length: number): boolean {
    return length >= minCompressed && this.running < maxRunning
  }

  /** Compresses bytes in memory; gives `undefined` if that fails. */
  compress(
    bytes: Uint8Array,
    coding: Coding,
    done: (compressed: Uint8Array | undefined) => void,
  ): void {
    this.running++
    CompressedBody.compress(bytes, coding, (compressed) => {
      this.running--
      done(compressed)
    })
  }

  /** The same bytes as a body, compressed while they are sent. */
  compressWhileSending(source: Body, coding: Coding): CompressedBody.CompressedBody {
    this.running++
    return new CompressedBody.CompressedBody(source, coding, () => this.running--)
  }
}
