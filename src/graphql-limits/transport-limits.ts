/** The limit on the bytes of one HTTP request: an escaped megabyte of text, and the rest of the JSON. */
export const maxRequestBytes = 2 * 1024 * 1024
/** The limit on the bytes of one WebSocket message. */
export const maxSocketMessageBytes = 256 * 1024
