// Names of formats, by the first bytes of a file. Errors use them to name the content that cannot be decoded.

interface Signature {
  name: string
  begins: RegExp
}

/** Audio containers; a decoder process examines them further. */
const audio: Signature[] = [
  { name: 'a WAV file', begins: /^(RIFF|RF64|BW64|RIFX).{4}WAVE/s },
  { name: 'an Ogg file', begins: /^OggS\0/ },
  { name: 'a FLAC file', begins: /^fLaC[\0\x80]/ },
  { name: 'a WebM or Matroska file', begins: /^\x1aE\xdf\xa3/ },
  { name: 'an MP4 or QuickTime file', begins: /^.{4}(ftyp|moov|mdat|wide|styp|moof)/s },
  { name: 'an AIFF file', begins: /^FORM.{4}AIF[FC]/s },
  { name: 'an AU file', begins: /^\.snd\0/ },
  { name: 'a CAF file', begins: /^caff\0/ },
  { name: 'an AMR file', begins: /^#!AMR/ },
  { name: 'a Windows Media file', begins: /^0&\xb2u\x8ef\xcf\x11/ },
  { name: 'a Wave64 file', begins: /^riff\x2e\x91\xcf\x11/ },
  { name: 'an MP3 file', begins: /^ID3[\x02-\x04]/ },
]

/** First bytes that samples without a header can have, too. */
const frames: Signature[] = [
  { name: 'an AAC stream', begins: /^\xff[\xf0\xf1\xf8\xf9]/ },
  { name: 'an MP3 file', begins: /^\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]/ },
  { name: 'an AC-3 stream', begins: /^\x0bw/ },
  { name: 'an AAC stream', begins: /^V[\xe0-\xff]/ },
]

const others: Signature[] = [
  { name: 'a PDF', begins: /^%PDF-/ },
  { name: 'a ZIP archive', begins: /^PK(\x03\x04|\x05\x06)/ },
  { name: 'a gzip file', begins: /^\x1f\x8b\x08/ },
  { name: 'a bzip2 file', begins: /^BZh[1-9]1AY/ },
  { name: 'an xz file', begins: /^\xfd7zXZ/ },
  { name: 'a Zstandard file', begins: /^\x28\xb5\x2f\xfd/ },
  { name: 'a 7-Zip archive', begins: /^7z\xbc\xaf/ },
  { name: 'a RAR archive', begins: /^Rar!/ },
  { name: 'a JPEG image', begins: /^\xff\xd8\xff/ },
  { name: 'a PNG image', begins: /^\x89PNG/ },
  { name: 'a GIF image', begins: /^GIF8/ },
  { name: 'an AVI video', begins: /^RIFF.{4}AVI /s },
  { name: 'a WebP image', begins: /^RIFF.{4}WEBP/s },
  { name: 'a RIFF file, but not a WAV file', begins: /^(RIFF|RIFX)/ },
  { name: 'a Flash video', begins: /^FLV\x01/ },
  { name: 'an MPEG video', begins: /^\0\0\x01[\xb3\xba]/ },
  { name: 'an MPEG transport stream', begins: /^G.{187}G/s },
  { name: 'a DTS stream', begins: /^(\x7f\xfe\x80\x01|\xfe\x7f\x01\x80|\x1f\xff\xe8\0|\xff\x1f\0\xe8)/ },
  { name: 'a WavPack file', begins: /^wvpk/ },
  { name: 'a True Audio file', begins: /^TTA[12]/ },
  { name: "a Monkey's Audio file", begins: /^MAC / },
  { name: 'a MIDI file', begins: /^MThd/ },
  { name: 'a program', begins: /^(\x7fELF|MZ\x90)/ },
]

const texts: Signature[] = [
  { name: 'an HLS playlist', begins: /^#EXTM3U/ },
  { name: 'a playlist', begins: /^(\[playlist\]|ffconcat|<asx)/i },
  { name: 'a session description (SDP)', begins: /^v=0\r?\n/ },
  { name: 'an HTML page', begins: /^<(!doctype html|html|head|body|div)/i },
  { name: 'an XML document', begins: /^<(\?xml|[a-z])/i },
  { name: 'JSON text', begins: /^[{[]/ },
  { name: 'base64 text', begins: /^(data:|UklGR|T2dnU|SUQz|GkXfo|ZkxhQ|AAAA[A-Z]GZ0eX)/ },
  { name: 'a multipart form', begins: /^--[\w'()+,./:=?-]+\r\n/ },
]

const find = (signatures: Signature[], text: string) => signatures.find(({ begins }) => begins.test(text))?.name
const latin = (head: Buffer) => head.toString('latin1', 0, 512)

/** Names an audio container that certainly begins here. */
export const nameAudio = (head: Buffer): string | undefined => find(audio, latin(head))

/** Names any content, text included, that is not an audio container. */
export function nameOther(head: Buffer): string | undefined {
  if (nameAudio(head)) return undefined
  const found = find(others, latin(head))
  if (found) return found
  const text = head.toString('utf8', 0, 512).replace(/^\uFEFF/, '')
  // The end of the buffer can cut the last character.
  if (text.length < 2 || /[\0-\x08\x0e-\x1f\x7f]|\uFFFD(?!$)/.test(text)) return undefined
  return find(texts, text.trimStart()) ?? 'text'
}

/** Names audio that possibly begins here; never samples without a header. */
export const nameSound = (head: Buffer): string | undefined => nameAudio(head) ?? find(frames, latin(head))

/** Names a file, but not text, that certainly begins here. Samples can look like an MP3 or AAC frame, but not like these files. */
export const nameFile = (head: Buffer): string | undefined => nameAudio(head) ?? find(others, latin(head))
