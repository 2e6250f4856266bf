import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DocumentNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import type { GraphQLContext } from '../graphql/builder.ts'
import { parseDocument } from '../graphql-limits/document-limits.ts'

const maxDocuments = 1_000
const maxBytes = 32 * 2 ** 20
/** Estimates the memory of a document: nodes, tokens (comments included) and the text. */
const bytesOf = (text: string, { tokenCount = 0 }: DocumentNode) => tokenCount * 300 + text.length * 60

/** The documents that passed validation, bounded in number and bytes. Refused documents are not stored. */
export interface Documents {
  find(text: string): DocumentNode | undefined
  /** Resolves when the document can be parsed and validated: at once for an accepted document, otherwise one document per turn of the event loop. */
  takeTurn(text?: string): Promise<void>
  plugin: Plugin<GraphQLContext>
}

export function createDocuments(): Documents {
  const accepted = new LRUCache<string, DocumentNode>({
    max: maxDocuments,
    maxSize: maxBytes,
    sizeCalculation: (document, text) => bytesOf(text, document),
  })
  const isAccepted = new WeakSet<DocumentNode>()
  let last: Promise<void> = Promise.resolve()
  return {
    find: (text) => accepted.get(text),
    takeTurn(text) {
      if (text !== undefined && accepted.has(text)) return Promise.resolve()
      last = last.then(() => nextTurn())
      return last
    },
    plugin: {
      onParse({ params, setParsedDocument, setParseFn }) {
        const text = params.source.toString()
        const known = accepted.get(text)
        if (known) setParsedDocument(known)
        else setParseFn(() => parseDocument(text))
      },
      onValidate({ params: { documentAST }, setResult }) {
        if (isAccepted.has(documentAST)) setResult([])
        return ({ valid }) => {
          const text = documentAST.loc?.source.body
          if (!valid || text === undefined || isAccepted.has(documentAST)) return
          isAccepted.add(documentAST)
          accepted.set(text, documentAST)
        }
      },
    },
  }
}
