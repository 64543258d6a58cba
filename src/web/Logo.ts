/**
 * The logo: two Ps back to back, whose stems are arrows that lead out and in.
 */

/** An SVG image, 64 by 64, that stands on light and dark grounds. */
export const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img" aria-label="PTTH">
<rect width="64" height="64" rx="14" fill="#b3401f"/>
<g fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round" stroke-linejoin="round">
<path d="M37 51V14m-8 8 8-8h7a9 9 0 0 1 0 18h-7"/>
<path d="M27 13v37m8-8-8 8h-7a9 9 0 0 1 0-18h7" opacity=".72"/>
</g>
</svg>
`
