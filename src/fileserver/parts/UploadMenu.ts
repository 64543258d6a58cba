/**
 * The upload form, in a menu of the toolbar.
 */
import { type Html, html } from "../../web/Html.ts"
import * as Icons from "./Icons.ts"
import * as Text from "./Text.ts"

const text = Text.listing

/** The form of a folder that takes uploads. */
export const uploadMenu = ({
  overwrite,
}: {
  readonly overwrite: boolean
}): Html => html`<details class="drop" name="toolbar"><summary class="button">${Icons.button.upload}<span class="label">${text.upload}</span></summary><div>
<section class="upload" aria-labelledby="page.upload">
<h2 id="page.upload">${text.upload}</h2>
<form method="post" action="./" enctype="multipart/form-data" data-overwrite="${overwrite ? "yes" : "no"}">
<label for="page.files">${text.chooseFiles}</label>
<input id="page.files" type="file" name="file" multiple required>
<button class="main">${text.upload}</button>
</form>
<button type="button" data-do="chooseFolder" data-close data-script hidden>${text.chooseFolder}</button>
<p data-script hidden>${text.dropHint}</p>
</section></div></details>`
