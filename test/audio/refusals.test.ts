import { describe, expect, test } from 'vitest'
import { addWarning } from '../../src/speech-http/warnings.ts'
import { wav } from '../support/wav.ts'
import { read } from './read-wav.ts'

describe('files that are not recordings', () => {
  test.each<[string, string | number[], string]>([
    ['a PDF', '%PDF-1.7\n', 'This is a PDF.'],
    ['an HTML page', '\n<!DOCTYPE html><html>', 'This is an HTML page.'],
    ['XML', '<?xml version="1.0"?><a/>', 'This is an XML document.'],
    ['JSON', '{"audio": "…"}', 'This is JSON text.'],
    ['base64', Buffer.from('RIFF1234WAVE').toString('base64'), 'This is base64 text.'],
    ['text', 'hello', 'This is text.'],
    ['a ZIP archive', 'PK\x03\x04\x14\0\0\0\0\0\0\0', 'This is a ZIP archive.'],
    ['gzip', [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'This is a gzip file.'],
    ['a picture', [0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0], 'This is a JPEG image.'],
    ['a playlist', '#EXTM3U\nfile:///etc/passwd\n', 'This is an HLS playlist.'],
    ['DTS', [0x7f, 0xfe, 0x80, 0x01, 0xfc, 0x3c, 0x3f, 0xf0, 0, 0, 0, 0], 'This is a DTS stream.'],
    ['an AVI', 'RIFF\0\0\0\0AVI LIST', 'This is an AVI video.'],
    ['an MP3 where only WAV is read', [0xff, 0xfb, 0x90, 0x64, ...Array(60).fill(0)], 'This is an MP3 file, and this server reads only WAV.'],
    ['an M4A where only WAV is read', '\0\0\0\x20ftypM4A \0\0\0\0', 'This is an MP4 or QuickTime file, and this server reads only WAV.'],
    [
      'a WAV file of MP3 where only WAV is read',
      wav(new Int16Array(10), { encoding: 0x55, bits: 0, align: 1 }).toString('latin1'),
      'This is a WAV file with 0-bit samples of codec 85.',
    ],
  ])('the error names %s', async (_, content, message) => {
    const file = typeof content === 'string' ? Buffer.from(content, /[^\0-\xff]/.test(content) ? 'utf8' : 'latin1') : Buffer.from(content)
    await expect(read(file)).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO', message: expect.stringContaining(message) })
  })
})

test('at most ten different warnings are kept', () => {
  const warnings = new Set<string>()
  for (let n = 0; n < 1000; n++) addWarning(warnings, `Part ${n % 20} was left out.`)
  expect(warnings.size).toBe(10)
})
