// What is said on a socket, and how words are shown, without a network.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createProfanityFilter } from '../../src/speech/profanity.ts'
import { decode, encode, ProtocolViolation, toCloseReason } from '../../src/speech/protocol.ts'
import { audioMessage } from '../support/speech-session.ts'

describe('messages', () => {
  test('decode to a value or a ProtocolViolation for any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 300, unit: 'binary' })), fc.boolean(), (data, isBinary) => {
        try {
          decode(Buffer.from(data as Uint8Array), isBinary)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('of audio decode to the bytes that were encoded', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w-]{1,64}$/), fc.uint8Array({ maxLength: 2_000 }), (requestId, bytes) => {
        expect(decode(audioMessage(requestId, Buffer.from(bytes)), true)).toEqual({ path: 'audio', requestId, audio: Buffer.from(bytes) })
      }),
    )
  })

  test('from the server have the id of their turn', () => {
    expect(encode('abc', { path: 'turn.end' })).toBe('X-RequestId:abc\r\nContent-Type:application/json; charset=utf-8\r\nPath:turn.end\r\n\r\n')
  })

  test('shorten their close reason to 123 bytes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'grapheme' }), (text) => {
        const reason = toCloseReason(text)
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
        expect(reason).not.toContain('\uFFFD'.repeat(text.includes('\uFFFD') ? 200 : 1))
      }),
    )
  })
})

test.each([
  ['masked', 'What the ****, you *******!'],
  ['removed', 'What the, you!'],
  ['raw', 'What the fuck, you bastard!'],
] as const)('strong words are %s', (what, text) => {
  expect(createProfanityFilter([])('What the fuck, you bastard!', what)).toBe(text)
})

test('the profanity filter keeps words that only contain a profane word', () => {
  const text = 'Scunthorpe, shiitake, Dickens, classic, assess, cockpit, bassist, ditch'
  expect(createProfanityFilter([])(text, 'masked')).toBe(text)
})
