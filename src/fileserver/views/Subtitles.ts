/**
 * Subtitles beside a film: which files they are, and SubRip (`.srt`) as WebVTT,
 * the only form that browsers show.
 */
import { type ByteName, toText } from "../names/ByteName.ts"

/** A file of subtitles. */
export interface Subtitle {
  readonly name: ByteName
  /** A BCP 47 language tag; empty if the name does not tell. */
  readonly language: string
  /** Whether it has to be converted. */
  readonly isSubRip: boolean
}

const stem = (name: ByteName): ByteName => name.replace(/\.[^.]*$/, "")

/** The subtitles of a film, such as `film.vtt` and `film.en.srt`, among the names of its folder. */
export const ofFilm = (film: ByteName, names: ReadonlyArray<ByteName>): ReadonlyArray<Subtitle> => {
  const start = stem(film).toLowerCase()
  return names
    .flatMap((name): ReadonlyArray<Subtitle> => {
      const match = /^(.*?)(?:\.([a-z]{2,3}(?:-[a-z0-9]{2,8})*))?\.(vtt|srt)$/i.exec(name)
      if (match === null) return []
      const [, base = "", language = "", extension = ""] = match
      const whole = stem(name).toLowerCase()
      if (base.toLowerCase() !== start && whole !== start) return []
      const isPlain = whole === start
      return [{ name, language: isPlain ? "" : language, isSubRip: /^srt$/i.test(extension) }]
    })
    .slice(0, 20)
}

/** The name of a track in the player's menu. */
export const labelOf = ({ language, name }: Subtitle): string =>
  language === "" ? toText(name) : language

// These patterns stop at the end of a line and at the next bracket, so that no file takes long.
const timing = /^([ \t]*\d+:\d\d:\d\d),(\d{3}\s*-->\s*\d+:\d\d:\d\d),(\d{3})/gm
// Position and colour, which WebVTT writes otherwise.
const markup = /\{\\[^{}]*\}|<\/?font[^<>]*>/g

/** SubRip as WebVTT: the times have a dot instead of a comma. */
export const toWebVtt = (subRip: string): string =>
  `WEBVTT\n\n${subRip
    .replaceAll(/\r\n?/g, "\n")
    .replace(timing, (_, start, middle, end) => `${start}.${middle}.${end}`)
    .replaceAll(markup, "")}\n`
