// The path under which the dashboard is served. A reverse proxy can add a prefix that the server does not see.
/** "/", or a prefix such as "/speech/" behind a proxy: the parent of the directory that has this script. */
export const base = new URL('..', import.meta.url).pathname

/** Adds the prefix to a path of the server. */
export const withBase = (path: string) => base + path.slice(1)

/** The path of this page without the prefix. */
export const currentPath = () => `/${location.pathname.slice(base.length)}`
