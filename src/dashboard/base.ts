// Where the dashboard lies on its host: a reverse proxy may put it under a path of its own, and the server does not see which.
const here = import.meta.url

/** "/", or "/speech/" behind a proxy: the directory above the one that this file was loaded from. */
export const base = new URL('..', here).pathname

/** The browser's address for a path of the server. */
export const withBase = (path: string) => base + path.slice(1)

/** The path of this page as the server sees it. */
export const currentPath = () => `/${location.pathname.slice(base.length)}`
