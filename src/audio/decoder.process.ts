// The process that decodes one recording with FFmpeg: it reads bytes from one pipe and writes samples to another.
// A hostile file can only keep this process busy or end it.
import { writeSync } from 'node:fs'
import type { AVLogLevel } from 'node-av/constants'
import { type CodecContext, Log } from 'node-av/lib'
import { AudioError } from './audio-error.ts'
import { DecoderInput } from './decoder-input.ts'
import type { DecoderEnd } from './decoder-messages.ts'
import { writeMessage } from './decoder-messages.ts'
import { Demuxer } from './demuxer.ts'
import { Mixer } from './mixer.ts'

const [pipeIn, pipeOut] = [0, 1]
/** FFmpeg's error code for damaged data. */
const invalidData = -1094995529
const minSendBytes = 16 * 1024
const quiet = -8 as AVLogLevel

const warnings = new Set<string>()
const samples: Buffer[] = []
let waiting = 0

const send = () => {
  if (waiting) writeMessage(samples.splice(0), 'SAMPLES', (bytes) => writeSync(pipeOut, bytes))
  waiting = 0
}
const input = new DecoderInput(pipeIn, send)
const mixer = new Mixer((pcm) => {
  samples.push(pcm)
  waiting += pcm.length
  if (waiting >= minSendBytes) send()
})

/** Decodes one of the files in the recording. */
function decode(demuxer: Demuxer) {
  const { decoder, tracks } = demuxer
  if (tracks > 1) warnings.add(`The file has ${tracks} audio tracks. Only the first was recognized.`)
  let [broken, isLastBroken, hasGaps] = [0, false, false]
  for (const { packet, seconds } of demuxer.packets()) {
    const result = decoder.sendPacketSync(packet)
    isLastBroken = result === invalidData
    broken += isLastBroken ? 1 : 0
    // The library cannot read the packets by which telephony codecs describe pauses.
    hasGaps ||= result < 0 && !isLastBroken
    if (result < 0 && mixer.seconds > 0) mixer.pause(seconds)
    receive(decoder)
  }
  decoder.sendPacketSync(null)
  receive(decoder)
  // The last frame of a cut stream is incomplete.
  if (broken > (isLastBroken ? 1 : 0) && !hasGaps) warnings.add('Damaged parts of the file were skipped.')
  if (demuxer.isCut) warnings.add(`The file is cut off after ${input.seconds.toFixed(1)} s of sound.`)
}

function receive(decoder: CodecContext) {
  for (let frame = Demuxer.frame; decoder.receiveFrameSync(frame) >= 0; frame.unref()) {
    mixer.push(frame)
    input.seconds = mixer.seconds
  }
}

function end(): DecoderEnd {
  try {
    do {
      const isFirst = mixer.seconds === 0
      try {
        const demuxer = new Demuxer(input)
        decode(demuxer)
        demuxer.close()
      } catch (error) {
        // Unreadable bytes after a recording do not invalidate the recording.
        if (isFirst || !(error instanceof AudioError) || error.code === 'AUDIO_TOO_LONG') throw error
        warnings.add(`The data after the recording was not recognized. ${error.message}`)
      }
    } while (input.next())
    mixer.finish()
    send()
    if (mixer.seconds === 0)
      throw new AudioError('UNDECODABLE_AUDIO', 'The file contains no sound that can be decoded. Save the recording again, or send a WAV file.')
    return { warnings: [...warnings] }
  } catch (error) {
    if (error instanceof AudioError) return { code: error.code, message: error.message }
    throw error
  }
}

// Ctrl-C in a terminal and the stop of a service manager reach every process of the group. Only the parent ends this one.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
Log.setLevel(quiet)
writeMessage([Buffer.from(JSON.stringify(end()))], 'END', (bytes) => writeSync(pipeOut, bytes))
// The library keeps the event loop alive.
process.exit()
