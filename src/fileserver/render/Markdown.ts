/**
 * Markdown as sanitized HTML: CommonMark with the tables, task lists, footnotes
 * and anchors that GitHub has.
 */
import MarkdownIt from "markdown-it"
// @ts-expect-error The package has no types, and those of others are for another markdown-it.
import footnotes from "markdown-it-footnote"
import * as Highlight from "./Highlight.ts"
import * as MarkdownRules from "./MarkdownRules.ts"
import * as Sanitizer from "./Sanitizer.ts"

const markdown = new MarkdownIt({
  html: true,
  linkify: true,
  highlight: (text, language) => Highlight.toHtml(text, language),
})
markdown.use(footnotes)
markdown.use(MarkdownRules.add)

// No line before the footnotes: the section has a border.
markdown.renderer.rules.footnote_block_open = () => '<section class="footnotes">\n<ol>\n'

/** Front matter, which readers seldom want, in a disclosure widget. */
const details = ({ language, metadata }: MarkdownRules.FrontMatter): string =>
  metadata === undefined || metadata.trim() === ""
    ? ""
    : `<details><summary>Front matter</summary><pre><code>${Highlight.toHtml(metadata, language)}</code></pre></details>\n`

/** Renders Markdown as sanitized HTML. */
export const toHtml = (text: string): string => {
  const parts = MarkdownRules.frontMatterOf(text)
  return Sanitizer.clean(details(parts) + markdown.render(parts.text))
}
