// What a decoder process reads. FFmpeg knows hundreds of containers, some of which open other files or addresses.

/** Containers by FFmpeg's name. WHOLE: the index may stand behind the sound, so that nothing can be read before all of it is here. */
export const containers: Record<string, { name: string; reads: 'STREAM' | 'WHOLE' }> = {
  wav: { name: 'WAV', reads: 'STREAM' },
  w64: { name: 'Wave64', reads: 'STREAM' },
  flac: { name: 'FLAC', reads: 'STREAM' },
  mp3: { name: 'MP3', reads: 'STREAM' },
  ogg: { name: 'Ogg', reads: 'STREAM' },
  'mov,mp4,m4a,3gp,3g2,mj2': { name: 'MP4', reads: 'STREAM' },
  'matroska,webm': { name: 'WebM', reads: 'STREAM' },
  aac: { name: 'AAC', reads: 'STREAM' },
  loas: { name: 'AAC', reads: 'STREAM' },
  ac3: { name: 'AC-3', reads: 'STREAM' },
  eac3: { name: 'E-AC-3', reads: 'STREAM' },
  amr: { name: 'AMR', reads: 'STREAM' },
  amrnb: { name: 'AMR', reads: 'STREAM' },
  amrwb: { name: 'AMR', reads: 'STREAM' },
  asf: { name: 'Windows Media', reads: 'STREAM' },
  au: { name: 'AU', reads: 'STREAM' },
  aiff: { name: 'AIFF', reads: 'WHOLE' },
  caf: { name: 'CAF', reads: 'WHOLE' },
}

/** Decoders by FFmpeg's name of the codec: those that recordings of speech come in. */
export const isDecodable = (codec: string): boolean =>
  /^pcm_(mulaw|alaw|[sfu](8|16|24|32|64)(le|be)?)$/.test(codec) ||
  /^adpcm_(ms|ima_wav|ima_qt|yamaha|swf|g722|g726|g726le)$/.test(codec) ||
  decodable.has(codec)

const decodable = new Set(
  'aac aac_latm ac3 alac amr_nb amr_wb dts eac3 flac gsm gsm_ms ilbc mp1 mp2 mp3 opus qcelp speex truespeech vorbis wmalossless wmapro wmav1 wmav2 wmavoice'.split(
    ' ',
  ),
)

/** Places where another file begins, for files that were joined. */
const beginnings: { word: string; back: number; begins: RegExp; not?: RegExp }[] = [
  { word: 'ftyp', back: 4, begins: /^\0\0\0[\x08-\xff]ftyp[ -~]{4}/ },
  { word: '\x1aE\xdf\xa3', back: 0, begins: /^\x1aE\xdf\xa3[^]{1,9}B[\x82\x86\xf2\xf3\xf7]/ },
  { word: 'OggS', back: 0, begins: /^OggS\0[\x02\x06]/, not: /^(ogg|matroska)/ },
  { word: 'fLaC', back: 0, begins: /^fLaC[\0\x80]\0\0"/, not: /^(ogg|matroska|mov)/ },
  { word: 'RIFF', back: 0, begins: /^RIFF[^]{4}WAVE/ },
  { word: 'FORM', back: 0, begins: /^FORM[^]{4}AIF[FC]/ },
  { word: '#!AMR', back: 0, begins: /^#!AMR(-WB)?\n/ },
  { word: '.snd', back: 0, begins: /^\.snd\0\0[^]{4}/ },
  { word: 'caff\0\x01', back: 0, begins: /^caff\0\x01\0\0desc/ },
  { word: '0&\xb2u\x8ef\xcf\x11', back: 0, begins: /^0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel/ },
  { word: 'ID3', back: 0, begins: /^ID3[\x02-\x04]\0[\0\x10-\xf0][\0-\x7f]{4}/, not: /^(?!mp3|aac|flac|ac3|eac3)/ },
]
const buffers = beginnings.map((one) => ({ ...one, bytes: Buffer.from(one.word, 'latin1') }))
/** So many bytes tell whether a file begins. */
export const beginningBytes = 32

/** Where in these bytes, not before `from`, another file begins within one of this container; -1 when none does. */
export function findBeginning(bytes: Buffer, from: number, container: string): number {
  let first = -1
  for (const { bytes: word, back, begins, not } of buffers) {
    if (not?.test(container)) continue
    for (let at = bytes.indexOf(word, from + back); at >= 0 && (first < 0 || at - back < first); at = bytes.indexOf(word, at + 1)) {
      if (begins.test(bytes.toString('latin1', at - back, at - back + beginningBytes))) first = at - back
    }
  }
  return first
}
