import { type DocumentNode, GraphQLError, Kind, Lexer, parse, Source, type Token, TokenKind } from 'graphql'

/** The limit on the text of a document, without variables. */
export const maxDocumentBytes = 64 * 1024
export const maxTokens = 10_000
/** The limit on nested braces, brackets and parentheses, into which the parser, validation and execution recurse. */
export const maxNesting = 200

const opening = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L])
const closing = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R])

/** The error for a document or an operation over a limit. */
export const operationTooLarge = (message: string, figures: object) =>
  new GraphQLError(message, { extensions: { code: 'OPERATION_TOO_LARGE', ...figures, http: { status: 400, spec: false } } })

/** Parses a document. Throws `OPERATION_TOO_LARGE` as soon as the document exceeds a limit. */
export function parseDocument(text: string): DocumentNode {
  if (text.length > maxDocumentBytes || Buffer.byteLength(text) > maxDocumentBytes)
    throw operationTooLarge(
      `The document has more than ${maxDocumentBytes} bytes, which is the limit. Pass long values as variables, or send several operations.`,
      {
        limit: maxDocumentBytes,
      },
    )
  const source = new Source(text)
  const document = parse(source, { lexer: new BoundedLexer(source) })
  if (document.definitions.every(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)) throw noOperation()
  return document
}

const noOperation = () =>
  new GraphQLError('The document has no operation. Add a query, a mutation or a subscription that uses the fragments.', {
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: false } },
  })

class BoundedLexer extends Lexer {
  #tokens = 0
  #depth = 0

  override advance(): Token {
    const token = super.advance()
    if (++this.#tokens > maxTokens)
      throw operationTooLarge(`The document has more than ${maxTokens} tokens, which is the limit. Pass lists as variables.`, { limit: maxTokens })
    if (opening.has(token.kind)) this.#depth++
    else if (closing.has(token.kind)) this.#depth--
    if (this.#depth > maxNesting)
      throw operationTooLarge(
        `The document nests braces, brackets or parentheses more than ${maxNesting} levels deep, which is the limit. Send a flatter document.`,
        { limit: maxNesting },
      )
    return token
  }
}
