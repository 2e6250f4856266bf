import type { Readable } from 'node:stream'
import type { StoredFile } from '../postgres/tables.ts'

/** The files that were uploaded or generated, for all processes of the installation. */
export interface FileStore {
  /** Stores a file from the disk, unless the store has it. Readers find the file once all of its bytes are stored. */
  write(file: StoredFile, path: string, signal: AbortSignal): Promise<void>
  /** The bytes of a file; undefined when the store does not have it. */
  read(sha256: string): Promise<Readable | undefined>
  /**
   * Removes files that no row needs, uploads after two hours and others after a day, and what killed writers left.
   * Returns the number of removed files.
   */
  removeUnneeded(signal: AbortSignal): Promise<number>
}

/** The bytes on the disk are not those of the SHA-256. */
export class FileChangedError extends Error {}

/** The time in which a writer stores a file, or gives up. It is shorter than the age of a copy that is removed as incomplete. */
export const maxWriteMs = 60 * 60_000

/** Where the bytes of stored files are. Each writer stores its own copy, so writers cannot disturb each other. */
export interface FileBytes {
  /** Stores one copy. Resolves with the number of chunks, null for an object store. */
  put(copyId: string, file: StoredFile, path: string, signal: AbortSignal): Promise<number | null>
  get(copyId: string, file: StoredFile, chunks: number | null): AsyncIterable<Buffer>
  /** False when the bytes of a stored copy are lost. */
  has(copyId: string): Promise<boolean>
  /** Removes a copy, or what a killed writer left of it. */
  remove(copyId: string): Promise<void>
  /** Some of the copies that were begun two hours ago or earlier and belong to no file. */
  findOrphans(): Promise<string[]>
}
