/**
 * The script of the file server's pages, which work without it. Its parts are
 * in `script/`; they share the functions of `script/Core.ts`.
 */
import * as Core from "./script/Core.ts"
import * as Drag from "./script/Drag.ts"
import * as Folder from "./script/Folder.ts"
import * as Keys from "./script/Keys.ts"
import * as Manage from "./script/Manage.ts"
import * as Menu from "./script/Menu.ts"
import * as Player from "./script/Player.ts"
import * as Tree from "./script/Tree.ts"
import * as Uploads from "./script/Uploads.ts"
import * as Viewer from "./script/Viewer.ts"

/** JavaScript for browsers. It creates no markup from text. */
export const js = `"use strict";
(() => {${Core.js}${Folder.js}${Keys.js}${Viewer.js}${Player.js}${Manage.js}${Menu.js}${Drag.js}${Tree.js}${Uploads.js}})();
`
