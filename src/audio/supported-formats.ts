// The formats that a decoder process reads. FFmpeg supports hundreds of containers, and some of them open other files or addresses.

/** Containers by their name in FFmpeg. WHOLE: the index can follow the sound, so the decoder needs the whole file first. */
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

/** True for the codecs of speech recordings, by their name in FFmpeg. */
export const isDecodable = (codec: string): boolean =>
  /^pcm_(mulaw|alaw|[sfu](8|16|24|32|64)(le|be)?)$/.test(codec) || /^adpcm_(ms|ima_wav|ima_qt|yamaha|swf|g722|g726|g726le)$/.test(codec) || decodable.has(codec)

const decodable = new Set(
  'aac aac_latm ac3 alac amr_nb amr_wb dts eac3 flac gsm gsm_ms ilbc mp1 mp2 mp3 opus qcelp speex truespeech vorbis wmalossless wmapro wmav1 wmav2 wmavoice'.split(
    ' ',
  ),
)
