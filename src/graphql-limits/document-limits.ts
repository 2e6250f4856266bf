import { type DocumentNode, GraphQLError, Kind, Lexer, parse, Source, type Token, TokenKind } from 'graphql'

/** The text of a document; variables do not count. */
export const maxDocumentBytes = 64 * 1024
export const maxTokens = 10_000
/** Braces, brackets and parentheses inside each other: parser, validation and execution recurse into them. */
export const maxNesting = 200

const opening = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L])
const closing = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R])

/** The refusal of a document or an operation that is larger than the server executes. */
export const operationTooLarge = (message: string, figures: object) =>
  new GraphQLError(message, { extensions: { code: 'OPERATION_TOO_LARGE', ...figures, http: { status: 400, spec: false } } })

/** Parses a document of bounded size. Throws `OPERATION_TOO_LARGE` for a larger one, before more of it is read. */
export function parseDocument(text: string): DocumentNode {
  if (text.length > maxDocumentBytes || Buffer.byteLength(text) > maxDocumentBytes)
    throw operationTooLarge(`A document may have ${maxDocumentBytes} bytes. Pass long values as variables, or send several operations.`, {
      limit: maxDocumentBytes,
    })
  const source = new Source(text)
  const document = parse(source, { lexer: new BoundedLexer(source) })
  if (document.definitions.every(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)) throw noOperation()
  return document
}

const noOperation = () =>
  new GraphQLError('The document has no operation. Add a query, a mutation or a subscription that spreads its fragments.', {
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: false } },
  })

class BoundedLexer extends Lexer {
  #tokens = 0
  #depth = 0

  override advance(): Token {
    const token = super.advance()
    if (++this.#tokens > maxTokens) throw operationTooLarge(`A document may have ${maxTokens} tokens. Pass lists as variables.`, { limit: maxTokens })
    if (opening.has(token.kind)) this.#depth++
    else if (closing.has(token.kind)) this.#depth--
    if (this.#depth > maxNesting)
      throw operationTooLarge(`A document may nest braces, brackets and parentheses ${maxNesting} levels deep.`, { limit: maxNesting })
    return token
  }
}
