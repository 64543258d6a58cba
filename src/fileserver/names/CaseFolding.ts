/**
 * Folds text so that a search finds a name without regard to case and to
 * whether its letters are composed (NFC) or not (NFD, as on a Mac). The script
 * of the pages folds alike, see `web/Script.ts`.
 */

const ascii = /^[\0-\x7f]*$/

/**
 * The folded text: compatibility decomposition (NFKD, which turns `ﬁ` into
 * `fi`), case mapping to lower, upper and lower case (`ẞ`, `ß` and `SS` become
 * `ss`), one sigma, and no dot above an `i` (`İ`). Other accents stay.
 */
export const fold = (text: string): string =>
  ascii.test(text)
    ? text.toLowerCase()
    : text
        .normalize("NFKD")
        .toLowerCase()
        .toUpperCase()
        .toLowerCase()
        .replaceAll("ς", "σ")
        .replaceAll("i\u0307", "i")
        .normalize("NFC")
