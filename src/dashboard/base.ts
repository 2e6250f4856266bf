// Where the dashboard lies on its host: a reverse proxy may put it under a path of its own, and the server does not see which.
const here = import.meta.url

/** "/", or "/speech/" behind a proxy: the directory above the one that this file was loaded from. */
export const base = new URL('..', here).pathname

/** The address of what the server knows as `path`. */
export const toAddress = (path: string) => base + path.slice(1)

/** What the server knows this page as. */
export const currentPath = () => `/${location.pathname.slice(base.length)}`
