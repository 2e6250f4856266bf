// What is said on a socket, and how words are shown, without a network.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createProfanityFilter } from '../../src/speech/profanity.ts'
import { decode, encode, ProtocolViolation, toCloseReason } from '../../src/speech/protocol.ts'
import { audioMessage } from '../support/speech-session.ts'

describe('messages', () => {
  test('any bytes are a message or a violation, and nothing else', () => {
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

  test('of audio give back their bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w-]{1,64}$/), fc.uint8Array({ maxLength: 2_000 }), (requestId, bytes) => {
        expect(decode(audioMessage(requestId, Buffer.from(bytes)), true)).toEqual({ path: 'audio', requestId, audio: Buffer.from(bytes) })
      }),
    )
  })

  test('from the server carry the turn that they belong to', () => {
    expect(encode('abc', { path: 'turn.end' })).toBe('X-RequestId:abc\r\nContent-Type:application/json; charset=utf-8\r\nPath:turn.end\r\n\r\n')
  })

  test('a reason fits into a close frame, whatever its letters', () => {
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

test('words that only contain a strong one are left alone', () => {
  const text = 'Scunthorpe, shiitake, Dickens, classic, assess, cockpit, bassist, ditch'
  expect(createProfanityFilter([])(text, 'masked')).toBe(text)
})
