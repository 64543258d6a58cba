/**
 * The page on which a visitor signs out, and that which follows. They load
 * nothing, since on a server's own host every other path is the server's.
 */
import { createHash } from "node:crypto"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { fromBytes } from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import { type Html, html, style, toBytes } from "../../web/Html.ts"

const css = `${FailurePage.css}form button{min-height:2.75rem;padding:.25rem 1.25rem}`

const styleHash = createHash("sha256").update(css).digest("base64")

// Without form-action: browsers apply it to the redirects that follow, which lead to the provider.
const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; frame-ancestors 'none'`

const page = (title: string, main: Html): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
${style(css)}
</head>
<body>
<header>${FailurePage.logo}</header>
<main>
<h1>${title}</h1>
${main}
</main>
</body>
</html>
`

const respond = (reply: Reply, content: Html, fields: HeaderList): void => {
  const bytes = toBytes(content)
  reply.respond(
    {
      status: 200,
      headers: [
        ["Content-Type", "text/html; charset=utf-8"],
        ["Content-Security-Policy", policy],
        ["X-Content-Type-Options", "nosniff"],
        ["Cache-Control", "no-store"],
        ...fields,
      ],
    },
    fromBytes(bytes),
  )
}

/** Asks whether to sign out. */
export const signOut = (reply: Reply, who: string): void =>
  respond(
    reply,
    page(
      "Sign out",
      html`<p>You are signed in as ${who}.</p>
<form method="post"><button type="submit">Sign out</button></form>`,
    ),
    [],
  )

/** Says that the visitor is signed out. */
export const signedOut = (reply: Reply, fields: HeaderList = []): void =>
  respond(reply, page("You are signed out", html`<p>You can close this page.</p>`), fields)
